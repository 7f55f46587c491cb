// At a small width: every rounding mode is its definition by quotient and remainder, and the
// saturation is a clamp.
module prove (input clk_i, rst_i, en_i, valid_i, input [2:0] mode_i, input [5:0] shift_i,
              input signed [TOTAL_BITS-1:0] total_i);
  localparam TOTAL_BITS = 12, OUT_BITS = 5;
  wire valid_o;
  wire signed [OUT_BITS-1:0] rounded_o;
  npu_round_shift #(.TOTAL_BITS(TOTAL_BITS), .OUT_BITS(OUT_BITS)) dut (.*);

  reg en_1q, en_2q, en_3q;
  reg [2:0] mode_1q, mode_2q, mode_3q;
  reg [5:0] shift_1q, shift_2q, shift_3q;
  reg signed [TOTAL_BITS-1:0] total_1q, total_2q, total_3q;
  always @(posedge clk_i) begin
    {en_1q, mode_1q, shift_1q, total_1q} <= {en_i, mode_i, shift_i, total_i};
    {en_2q, mode_2q, shift_2q, total_2q} <= {en_1q, mode_1q, shift_1q, total_1q};
    {en_3q, mode_3q, shift_3q, total_3q} <= {en_2q, mode_2q, shift_2q, total_2q};
  end

  wire signed [TOTAL_BITS:0] quotient = total_3q >>> shift_3q;
  wire [TOTAL_BITS-1:0] remainder = total_3q - (quotient <<< shift_3q);
  wire [TOTAL_BITS-1:0] half = shift_3q == 0 ? 0 : 1 << (shift_3q - 1);
  wire tie = shift_3q != 0 && remainder == half;
  wire above = shift_3q != 0 && remainder > half;
  reg up;
  always @*
    case (mode_3q)
      0: up = 0;                                      // floor
      2: up = above || (tie && total_3q >= 0);        // half_away
      3: up = above || (tie && quotient[0]);          // half_even
      default: up = above || tie;                     // half_up; tflite and ruy below 2^31
    endcase
  wire signed [TOTAL_BITS:0] exact = quotient + $signed({1'b0, up});
  localparam signed [TOTAL_BITS:0] MOST = (1 << (OUT_BITS - 1)) - 1;
  wire signed [TOTAL_BITS:0] clamped = exact > MOST ? MOST : exact < -MOST - 1 ? -MOST - 1 : exact;

  always @* begin
    assume (mode_i <= 5 && shift_i < TOTAL_BITS);
    if (en_1q && en_2q && en_3q) assert (rounded_o == clamped);
  end
endmodule
