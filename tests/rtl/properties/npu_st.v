  // Issue comes only while nothing runs.
  always @(*) assume (!(issue_i || prepare_i) || (!walk_q && !start_q && !plan_q && !awvalid_o && !wvalid_o && !sent_q));

  reg waits_q, wwaits_q;
  reg [ADDRESS_BITS+7:0] asked_q;
  reg last_q;

  always @(posedge clk_i) begin
    waits_q  <= awvalid_o && !awready_i && !rst_i;
    wwaits_q <= wvalid_o && !wready_i && !rst_i;
    asked_q  <= {awaddr_o, awlen_o};
    last_q   <= wlast_o;
  end

  always @(*) begin
    assert (start_q + plan_q + awvalid_o + wvalid_o <= 1);  // one burst after the other
    if (waits_q) assert (awvalid_o && asked_q == {awaddr_o, awlen_o});
    if (wwaits_q) assert (wvalid_o && last_q == wlast_o);
  end
