// requantize: J x s32 accumulators -> int8 or uint8, one rounding by mode, saturating.
//
//   T = bias + sum_j multiplier_j * acc_j
//   s = shift + channel_shift
//   y = clamp(((T + rounding_constant(mode, T, s)) >> s) + zero_point, low, high)
//
// MAX_TERMS terms stand at the inputs at once, with first_i. Where more terms than that make one
// result they follow in the next cycles: first_i = 0 adds them to the sum of those before, and y_o
// after the last is the result. The machine has one multiplier and brings one term a cycle.
//
// Each multiplier is split in four bytes, so that no stage holds more than a 32 x 9 multiplication.
// Stages 1 to 4 move with valid inputs alone.
//
// | stage | signals                                                |
// |-------|--------------------------------------------------------|
// | 1     | partial_q: acc times each byte; whole shift            |
// | 2     | low_q, high_q: of two bytes each                       |
// | 3     | product_q = low + (high << 16)                         |
// | 4     | total_4q = bias or total_4q + products                 |
// | 5..7  | npu_round_shift: + constant; >> s, saturate to s10     |
// | 8     | y_o: + zero point, clamp                               |
//
// Latency: 8 cycles after the last term.
// Spec: npusim/datapath/requantize.py

`default_nettype none

module npu_requantize #(
    parameter  int MAX_TERMS       = 1,   // 1..4, of one cycle
    localparam int ACC_BITS        = 32,
    localparam int MULTIPLIER_BITS = 31,
    localparam int TOTAL_BITS      = 63,
    localparam int MODE_BITS       = 3,
    localparam int SHIFT_BITS      = 6,
    localparam int CHANNEL_SHIFT_BITS = 4,
    localparam int VALUE_BITS      = 9
) (
    input  wire                                  clk_i,
    input  wire                                  rst_i,
    input  wire                                  en_i,

    input  wire                                  valid_i,
    output logic                                 valid_o,

    input  wire  [MODE_BITS-1:0]                 mode_i,           // place in ROUNDINGS
    input  wire  [SHIFT_BITS-1:0]                shift_i,          // 0..62
    input  wire  [CHANNEL_SHIFT_BITS-1:0]        channel_shift_i,  // sum with shift_i: 0..62
    input  wire  signed [VALUE_BITS-1:0]         zero_point_i,     // -128..255
    input  wire  signed [VALUE_BITS-1:0]         low_i,            // -128..255
    input  wire  signed [VALUE_BITS-1:0]         high_i,           // low_i..255

    input  wire                                  first_i,          // 0: more terms of a result
    input  wire  [MAX_TERMS*ACC_BITS-1:0]        acc_i,            // term 0 in the lowest bits
    input  wire  [MAX_TERMS*MULTIPLIER_BITS-1:0] multiplier_i,     // 0 for a term that is not used
    input  wire  signed [TOTAL_BITS-1:0]         bias_i,

    output logic signed [VALUE_BITS-1:0]         y_o               // low_i..high_i
);

  localparam int BYTE_BITS    = 8;
  localparam int BYTES        = 4;                     // of a multiplier
  localparam int PARTIAL_BITS = ACC_BITS + BYTE_BITS;
  localparam int HALF_BITS    = PARTIAL_BITS + BYTE_BITS;
  localparam int ROUNDED_BITS = 10;
  localparam int MOVED_BITS   = ROUNDED_BITS + 1;  // rounded + zero point

  generate
    if (MAX_TERMS < 1 || MAX_TERMS > 4) begin : gen_bad_max_terms
      npu_requantize_MAX_TERMS_must_be_1_to_4 bad_parameter ();
    end
  endgenerate

  // Stages 1..4. Control and bias travel beside the data that they belong to.

  logic valid_1q, valid_2q, valid_3q, valid_4q, first_1q, first_2q, first_3q;
  logic [MODE_BITS-1:0]  mode_1q, mode_2q, mode_3q, mode_4q;
  logic [SHIFT_BITS-1:0] shift_1q, shift_2q, shift_3q, shift_4q;
  logic signed [TOTAL_BITS-1:0] bias_1q, bias_2q, bias_3q, total_4q;
  logic [3*VALUE_BITS-1:0] bounds_1q, bounds_2q, bounds_3q, bounds_4q;
  logic [3*VALUE_BITS-1:0] bounds_5q, bounds_6q, bounds_7q;

  genvar j, k;
  generate
    for (j = 0; j < MAX_TERMS; j = j + 1) begin : term
      wire signed [ACC_BITS-1:0] acc = acc_i[j*ACC_BITS+:ACC_BITS];
      wire [BYTES*BYTE_BITS-1:0] multiplier =
          {1'b0, multiplier_i[j*MULTIPLIER_BITS+:MULTIPLIER_BITS]};

      for (k = 0; k < BYTES; k = k + 1) begin : part
        wire signed [BYTE_BITS:0] factor = {1'b0, multiplier[k*BYTE_BITS+:BYTE_BITS]};
        logic signed [PARTIAL_BITS-1:0] partial_q;

        always_ff @(posedge clk_i) begin
          if (en_i && valid_i) partial_q <= PARTIAL_BITS'(acc) * PARTIAL_BITS'(factor);
        end
      end

      logic signed [HALF_BITS-1:0]  low_q, high_q;
      logic signed [TOTAL_BITS-1:0] product_q;
      wire signed [TOTAL_BITS-1:0]  sum;

      if (j == 0) begin : gen_first
        assign sum = (first_3q ? bias_3q : total_4q) + product_q;
      end else begin : gen_next
        assign sum = term[j-1].sum + product_q;
      end

      always_ff @(posedge clk_i) begin
        if (en_i && valid_1q) begin
          low_q  <= HALF_BITS'(part[0].partial_q) + {part[1].partial_q, {BYTE_BITS{1'b0}}};
          high_q <= HALF_BITS'(part[2].partial_q) + {part[3].partial_q, {BYTE_BITS{1'b0}}};
        end
        if (en_i && valid_2q)
          product_q <= TOTAL_BITS'(low_q) + TOTAL_BITS'({high_q, {2 * BYTE_BITS{1'b0}}});
      end
    end
  endgenerate

  always_ff @(posedge clk_i) begin
    if (rst_i) {valid_4q, valid_3q, valid_2q, valid_1q} <= '0;
    else if (en_i)
      {valid_4q, valid_3q, valid_2q, valid_1q} <= {valid_3q, valid_2q, valid_1q, valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (en_i && valid_i) begin
      first_1q  <= first_i;
      shift_1q  <= shift_i + SHIFT_BITS'(channel_shift_i);
      mode_1q   <= mode_i;
      bias_1q   <= bias_i;
      bounds_1q <= {zero_point_i, low_i, high_i};
    end
    if (en_i && valid_1q) begin
      first_2q  <= first_1q;
      shift_2q  <= shift_1q;
      mode_2q   <= mode_1q;
      bias_2q   <= bias_1q;
      bounds_2q <= bounds_1q;
    end
    if (en_i && valid_2q) begin
      first_3q  <= first_2q;
      shift_3q  <= shift_2q;
      mode_3q   <= mode_2q;
      bias_3q   <= bias_2q;
      bounds_3q <= bounds_2q;
    end
    if (en_i && valid_3q) begin
      shift_4q  <= shift_3q;
      mode_4q   <= mode_3q;
      total_4q  <= term[MAX_TERMS-1].sum;
      bounds_4q <= bounds_3q;
    end
  end

  // Stages 5 to 7.

  wire valid_7q;
  wire signed [ROUNDED_BITS-1:0] rounded_7q;

  npu_round_shift #(
      .TOTAL_BITS(TOTAL_BITS),
      .OUT_BITS  (ROUNDED_BITS)
  ) round_shift (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .en_i     (en_i),
      .valid_i  (valid_4q),
      .valid_o  (valid_7q),
      .mode_i   (mode_4q),
      .shift_i  (shift_4q),
      .total_i  (total_4q),
      .rounded_o(rounded_7q)
  );

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      bounds_5q <= bounds_4q;
      bounds_6q <= bounds_5q;
      bounds_7q <= bounds_6q;
    end
  end

  // Stage 8.

  wire signed [VALUE_BITS-1:0] zero_point = bounds_7q[2*VALUE_BITS+:VALUE_BITS];
  wire signed [VALUE_BITS-1:0] low        = bounds_7q[VALUE_BITS+:VALUE_BITS];
  wire signed [VALUE_BITS-1:0] high       = bounds_7q[0+:VALUE_BITS];
  wire signed [MOVED_BITS-1:0] moved = MOVED_BITS'(rounded_7q) + MOVED_BITS'(zero_point);

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_7q;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (moved < MOVED_BITS'(low)) y_o <= low;
      else if (moved > MOVED_BITS'(high)) y_o <= high;
      else y_o <= moved[VALUE_BITS-1:0];
    end
  end

endmodule

`default_nettype wire
