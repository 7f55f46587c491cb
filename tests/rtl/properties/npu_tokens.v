  // Issue takes only what is there; a run ends with the first overflow.
  always @(*) begin
    assume ((take_prev_i & ~has_prev_o) == 0);
    assume ((take_next_i & ~has_next_o) == 0);
    assume (overflow_o == 0);
  end

  // Tokens given and not yet taken, counted without a bound.
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : ghost
      localparam int PREV = (e + ENGINES - 1) % ENGINES;
      localparam int NEXT = (e + 1) % ENGINES;
      reg [15:0] prev_q, next_q;

      always @(posedge clk_i) begin
        if (rst_i) begin
          prev_q <= 0;
          next_q <= 0;
        end else begin
          prev_q <= prev_q + signal_next_i[PREV] - take_prev_i[e];
          next_q <= next_q + signal_prev_i[NEXT] - take_next_i[e];
        end
      end

      always @(*) begin
        assert (prev_q == engine[e].from_prev_q);
        assert (next_q == engine[e].from_next_q);
        assert (has_prev_o[e] == (prev_q != 0));
        assert (has_next_o[e] == (next_q != 0));
        assert (prev_q <= ISA_TOKEN_MAX && next_q <= ISA_TOKEN_MAX);
      end
    end
  endgenerate
