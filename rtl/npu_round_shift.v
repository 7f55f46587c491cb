// round_shift: s63 sum -> s(OUT_BITS), shifted right with rounding by mode, saturating.
//
//   rounded = saturate((total + rounding_constant(mode, total, shift)) >> shift)
//
//   floor      0
//   half_up    2^(s-1)
//   half_away  2^(s-1) - (total < 0)
//   half_even  2^(s-1) - 1 + total[s]
//   tflite     s > 31: 2^(s-1) + (total < 0 ? -2^30 : 2^30);  else 2^(s-1)
//   ruy        s > 31: 2^(s-1) + 2^30;                        else 2^(s-1)
//
// 2^(s-1) - 1 is a row of s-1 ones, 2^(s-1) - 2^30 the same row with its lowest 30 bits cleared, and
// 2^(s-1) + 2^30 sets two bits: one adder makes the sum.
//
// | stage | signals                                         |
// |-------|-------------------------------------------------|
// | 1     | constant_1q, total_1q, shift_1q                 |
// | 2     | sum_2q = total + constant, shift_2q             |
// | 3     | rounded_o: arithmetic shift, saturate           |
//
// Latency: 3 cycles.
// Spec: npusim/datapath/round_shift.py

`default_nettype none

module npu_round_shift #(
    parameter  int TOTAL_BITS = 63,  // 2..63
    parameter  int OUT_BITS   = 10,  // 2..63
    localparam int MODE_BITS  = 3,
    localparam int SHIFT_BITS = 6
) (
    input  wire                          clk_i,
    input  wire                          rst_i,
    input  wire                          en_i,

    input  wire                          valid_i,
    output logic                         valid_o,

    input  wire  [MODE_BITS-1:0]         mode_i,   // place in ROUNDINGS, 0..5
    input  wire  [SHIFT_BITS-1:0]        shift_i,  // 0..62

    input  wire  signed [TOTAL_BITS-1:0] total_i,
    output logic signed [OUT_BITS-1:0]   rounded_o
);

  localparam logic [MODE_BITS-1:0] FLOOR     = 3'd0;
  localparam logic [MODE_BITS-1:0] HALF_AWAY = 3'd2;
  localparam logic [MODE_BITS-1:0] HALF_EVEN = 3'd3;
  localparam logic [MODE_BITS-1:0] TFLITE    = 3'd4;
  localparam logic [MODE_BITS-1:0] RUY       = 3'd5;

  localparam int SUM_BITS    = 64;
  localparam int FIRST_SHIFT = 31;  // tflite and ruy round at this bit first
  localparam logic [SUM_BITS-1:0] ONE   = {{(SUM_BITS - 1) {1'b0}}, 1'b1};
  localparam logic [SUM_BITS-1:0] NUDGE = ONE << (FIRST_SHIFT - 1);

  generate
    if (TOTAL_BITS < 2 || TOTAL_BITS > SUM_BITS - 1) begin : gen_bad_total_bits
      npu_round_shift_TOTAL_BITS_must_be_2_to_63 bad_parameter ();
    end
    if (OUT_BITS < 2 || OUT_BITS > SUM_BITS - 1) begin : gen_bad_out_bits
      npu_round_shift_OUT_BITS_must_be_2_to_63 bad_parameter ();
    end
  endgenerate

  wire signed [SUM_BITS-1:0] total = SUM_BITS'(total_i);
  wire                       negative = total_i[TOTAL_BITS-1];
  wire                       twice = shift_i > SHIFT_BITS'(FIRST_SHIFT);

  wire [SUM_BITS-1:0] bit_s = ONE << shift_i;
  wire [SUM_BITS-1:0] half  = bit_s >> 1;
  wire [SUM_BITS-1:0] ones  = (bit_s - ONE) >> 1;
  wire                odd   = |(total & bit_s);

  logic [SUM_BITS-1:0] constant;

  always_comb begin
    case (mode_i)
      FLOOR:     constant = '0;
      HALF_AWAY: constant = negative ? ones : half;
      HALF_EVEN: constant = odd ? half : ones;
      TFLITE:    constant = !twice ? half : negative ? ones & ~(NUDGE - ONE) : half | NUDGE;
      RUY:       constant = twice ? half | NUDGE : half;
      default:   constant = half;
    endcase
  end

  logic                         valid_1q, valid_2q;
  logic        [SUM_BITS-1:0]   constant_1q;
  logic signed [TOTAL_BITS-1:0] total_1q;
  logic signed [SUM_BITS-1:0]   sum_2q;
  logic [SHIFT_BITS-1:0]        shift_1q, shift_2q;

  wire signed [SUM_BITS-1:0] shifted = sum_2q >>> shift_2q;
  wire above = !shifted[SUM_BITS-1] && |shifted[SUM_BITS-2:OUT_BITS-1];
  wire below = shifted[SUM_BITS-1] && !(&shifted[SUM_BITS-2:OUT_BITS-1]);

  always_ff @(posedge clk_i) begin
    if (rst_i) {valid_o, valid_2q, valid_1q} <= '0;
    else if (en_i) {valid_o, valid_2q, valid_1q} <= {valid_2q, valid_1q, valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      constant_1q <= constant;
      total_1q    <= total_i;
      shift_1q    <= shift_i;
      sum_2q      <= SUM_BITS'(total_1q) + constant_1q;
      shift_2q    <= shift_1q;

      if (above) rounded_o <= {1'b0, {(OUT_BITS - 1) {1'b1}}};
      else if (below) rounded_o <= {1'b1, {(OUT_BITS - 1) {1'b0}}};
      else rounded_o <= shifted[OUT_BITS-1:0];
    end
  end

endmodule

`default_nettype wire
