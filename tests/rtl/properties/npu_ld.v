  // Issue comes only while nothing runs.
  always @(*) assume (!(issue_i || prepare_i) || (!walk_q && !start_q && !plan_q && !arvalid_o && drain_q == 0));

  reg waits_q;
  reg [ADDRESS_BITS+7:0] asked_q;

  always @(posedge clk_i) begin
    waits_q <= arvalid_o && !arready_i && !rst_i;
    asked_q <= {araddr_o, arlen_o};
  end

  always @(*) begin
    assert (start_q + plan_q + arvalid_o <= 1);  // one request after the other
    if (waits_q) assert (arvalid_o && asked_q == {araddr_o, arlen_o});
  end
