  reg waits_q;
  reg [ADDRESS_BITS+7:0] burst_q;

  always @(posedge clk_i) begin
    waits_q <= arvalid_o && !arready_i && !rst_i;
    burst_q <= {araddr_o, arlen_o};
  end

  always @(*) begin
    assert ((push_o & full_i) == 0);
    assert (push_o == 0 || (push_o & (push_o - 1'b1)) == 0);
    assert (!(issue_o && push_o != 0) && !(fault_o && (push_o != 0 || issue_o)));
    if (waits_q) assert (arvalid_o && burst_q == {araddr_o, arlen_o});
  end
