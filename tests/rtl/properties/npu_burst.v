  localparam int MASK = BUS_BYTES - 1;

  reg busy_q;   // loaded, not yet past the last burst
  reg ready_q;  // the outputs are those of the burst at hand

  always @(posedge clk_i) begin
    if (load_i) busy_q <= 1'b1;
    else if (step_i && last_o) busy_q <= 1'b0;
    ready_q <= busy_q && !load_i && !step_i;
  end

  // What LD and ST promise: whole beats (base and strides, so their sum too), no empty segment, steps
  // only while bursts are left, and not before they are there.
  always @(*) begin
    assume ((segment & MASK) == 0);
    assume (segment_beats_i != 0);
    assume (!step_i || (busy_q && ready_q));
  end

  always @(*) begin
    assert ((done_q & MASK) == 0);
    if (busy_q) begin
      assert (segment_beats_q != 0 && left_q != 0);
    end
    if (busy_q && ready_q) begin
      assert (ends_q == (left_q == beats_o));
      assert (beats_o >= 1 && beats_o <= BURST_BEATS && beats_o <= left_q);
      assert ((address_o & MASK) == 0);
      assert (address_o[PAGE_BITS-1:0] + (beats_o << BUS_LOG2) <= (1 << PAGE_BITS));
    end
  end
