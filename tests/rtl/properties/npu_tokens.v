  // Issue takes only what is there; a run ends with the first overflow.
  always @(*) begin
    assume ((take_i & ~has_o) == 0);
    assume (overflow_o == 0);
  end

  // Tokens given and not yet taken, counted without a bound.
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : ghost
      for (side = 0; side < SIDES; side = side + 1) begin : of
        localparam int GIVER  = (side == 0) ? (e + 3) % 4 : (side == 1) ? (e + 2) % 4 : (e + 1) % 4;
        localparam int FACING = (side == 0) ? 2 : (side == 1) ? 1 : 0;
        reg [15:0] held_q;

        always @(posedge clk_i) begin
          if (rst_i) held_q <= 0;
          else held_q <= held_q + signal_i[GIVER*SIDES+FACING] - take_i[e*SIDES+side];
        end

        always @(*) begin
          assert (held_q == engine[e].from[side].count_q);
          assert (has_o[e*SIDES+side] == (held_q != 0));
          assert (held_q <= ISA_TOKEN_MAX);
        end
      end
    end
  endgenerate
