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
// 2^30 is added first. What 2^(s-1) adds is then told by two bits: the half is the last bit that the
// shift takes away, `rest` is whether any before it is set. So nothing wide is added after the shift.
//
//   half_up, tflite, ruy:  half
//   half_away:             half && (rest || sum >= 0)
//   half_even:             half && (rest || quotient is odd)
//
// The shift goes by 32, 16, 8, 4, 2, 1. Before a shift by d no more than d bits above the quotient
// matter but for saturation: those above are compared with the sign and left.
//
// | stage | signals                                                      |
// |-------|--------------------------------------------------------------|
// | 1     | sum_1q = total +- 2^30 or 0, shift_1q                        |
// | 2     | quotient_2q = sum >> shift, half_2q, rest_2q, beyond_2q      |
// | 3     | rounded_o: + 1 or 0, saturate                                |
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

  localparam int MOST_BITS   = 63;
  localparam int FIRST_SHIFT = 31;  // tflite and ruy round at this bit first
  localparam int SUM_BITS    = (TOTAL_BITS > FIRST_SHIFT) ? TOTAL_BITS + 1 : FIRST_SHIFT + 1;
  localparam int WHOLE_BITS  = SUM_BITS + 1;  // and the half of a shift by 0

  generate
    if (TOTAL_BITS < 2 || TOTAL_BITS > MOST_BITS) begin : gen_bad_total_bits
      npu_round_shift_TOTAL_BITS_must_be_2_to_63 bad_parameter ();
    end
    if (OUT_BITS < 2 || OUT_BITS > MOST_BITS) begin : gen_bad_out_bits
      npu_round_shift_OUT_BITS_must_be_2_to_63 bad_parameter ();
    end
  endgenerate

  // Stage 1. Above the lowest bits, -2^30 is all ones.

  wire twice = shift_i > SHIFT_BITS'(FIRST_SHIFT) && (mode_i == TFLITE || mode_i == RUY);
  wire down  = mode_i == TFLITE && total_i[TOTAL_BITS-1];
  wire [SUM_BITS-FIRST_SHIFT:0] nudge = {{(SUM_BITS - FIRST_SHIFT) {twice && down}}, twice};

  logic                       valid_1q, valid_2q;
  logic [MODE_BITS-1:0]       mode_1q, mode_2q;
  logic [SHIFT_BITS-1:0]      shift_1q;
  logic signed [SUM_BITS-1:0] sum_1q;

  // Stage 2.

  wire negative = sum_1q[SUM_BITS-1];
  wire [SHIFT_BITS-1:0] lost, left;

  genvar l;
  generate
    for (l = 0; l < SHIFT_BITS; l = l + 1) begin : level
      localparam int STEP   = 1 << (SHIFT_BITS - 1 - l);
      localparam int BEFORE = (l == 0 || WHOLE_BITS < OUT_BITS + 2 * STEP) ? WHOLE_BITS
                                                                          : OUT_BITS + 2 * STEP;
      localparam int AFTER  = (BEFORE < OUT_BITS + STEP) ? BEFORE : OUT_BITS + STEP;
      wire [BEFORE-1:0] whole;
      wire [AFTER-1:0]  kept;
      wire take = shift_1q[SHIFT_BITS-1-l];
      wire [BEFORE+STEP-1:0] extended = {{STEP{negative}}, whole};
      wire unused_extended = &{1'b0, extended};

      if (l == 0) begin : gen_first
        assign whole = {sum_1q, 1'b0};
      end else begin : gen_next
        assign whole = level[l-1].kept;
      end

      assign kept    = take ? extended[STEP+:AFTER] : whole[AFTER-1:0];
      assign lost[l] = take && |whole[STEP-1:0];

      if (AFTER < BEFORE) begin : gen_left
        assign left[l] = !take && whole[BEFORE-1:AFTER] != {(BEFORE - AFTER) {negative}};
      end else begin : gen_all
        assign left[l] = 1'b0;
      end
    end
  endgenerate

  wire signed [OUT_BITS:0] last = (OUT_BITS + 1)'($signed(level[SHIFT_BITS-1].kept));

  logic signed [OUT_BITS-1:0] quotient_2q;
  logic half_2q, rest_2q, beyond_2q, negative_2q;

  // Stage 3.

  wire signed [OUT_BITS-1:0] greatest = {1'b0, {(OUT_BITS - 1) {1'b1}}};

  wire odd = quotient_2q[0];
  logic up;

  always_comb begin
    case (mode_2q)
      FLOOR:     up = 1'b0;
      HALF_AWAY: up = half_2q && (rest_2q || !negative_2q);
      HALF_EVEN: up = half_2q && (rest_2q || odd);
      default:   up = half_2q;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) {valid_o, valid_2q, valid_1q} <= '0;
    else if (en_i) {valid_o, valid_2q, valid_1q} <= {valid_2q, valid_1q, valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      sum_1q   <= SUM_BITS'(total_i) + {nudge, {(FIRST_SHIFT - 1) {1'b0}}};
      shift_1q <= shift_i;
      mode_1q  <= mode_i;

      quotient_2q <= last[OUT_BITS:1];
      half_2q     <= last[0];
      rest_2q     <= |lost;
      beyond_2q   <= |left || last[OUT_BITS] != negative;
      negative_2q <= negative;
      mode_2q     <= mode_1q;

      if (beyond_2q) rounded_o <= negative_2q ? ~greatest : greatest;
      else rounded_o <= quotient_2q + OUT_BITS'(up && quotient_2q != greatest);
    end
  end

endmodule

`default_nettype wire
