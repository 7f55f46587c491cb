// weight_decode: stored weight code -> the array's weight wires, exact, no overflow.
//
//   uniform   weight = {sign-extended code}                            two's complement
//   subset    weight = {sign, selA, selB},  {selA, selB} = selectors[index]
//   pwlq      weight = {sign, tail, g}
//   lut       weight = levels[index]                                   two's complement
//   pwlq_double  weight = {sign-extended +-g or +-(n + 2g)}            two's complement
//   keep = 0  weight = what multiplies to zero in that format
//   sign and fields of a b-bit code:
//       uniform   code[b-1:0] is the weight in two's complement
//       subset    sign = code[b-1], index = code[b-2:0]
//       pwlq      sign = code[b],   tail = code[b-1], g = code[b-2:0]
//       lut       index = code[b-1:0]
//       pwlq_double  as pwlq;  g in the centre, n + 2g in the tail, n = 2^(b-1) - 1
//
// | stage | signals                                              |
// |-------|------------------------------------------------------|
// | 1     | weight_o: fields split, sign extended, table read    |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/weight_decode.py

`default_nettype none

module npu_weight_decode #(
    parameter  int UNIFORM_BITS = 8,  // widest uniform code, 2..8; 0: not built in
    parameter  int SUBSET       = 1,  // 1: subset codes of 2..4 bits; 0: not built in
    parameter  int PWLQ_BITS    = 4,  // widest b of pwlq, 2..8; 0: not built in
    parameter  int LUT          = 1,  // 1: lut codes of 2..4 bits; 0: not built in
    parameter  int PWLQ_DOUBLE  = 1,  // 1: pwlq_double codes of b = 2..4; 0: not built in
    localparam int FORMAT_BITS  = 3,
    localparam int LEVELS       = 16,
    localparam int LEVEL_BITS   = 8,
    localparam int PWLQ_CODE_BITS   = (PWLQ_BITS != 0) ? PWLQ_BITS + 1 : 0,
    localparam int SUBSET_CODE_BITS = (SUBSET != 0) ? 4 : 0,
    localparam int SUBSET_WIRE_BITS = (SUBSET != 0) ? 5 : 0,
    localparam int WIDER_BITS  = (UNIFORM_BITS > PWLQ_CODE_BITS) ? UNIFORM_BITS : PWLQ_CODE_BITS,
    localparam int CODE_BITS   = (WIDER_BITS > SUBSET_CODE_BITS) ? WIDER_BITS : SUBSET_CODE_BITS,
    localparam int WEIGHT_BITS = (WIDER_BITS > SUBSET_WIRE_BITS) ? WIDER_BITS : SUBSET_WIRE_BITS
) (
    input  wire                     clk_i,
    input  wire                     rst_i,
    input  wire                     en_i,

    input  wire                     valid_i,
    output logic                    valid_o,

    input  wire  [FORMAT_BITS-1:0]  format_i,     // uniform, subset, pwlq, lut, pwlq_double
    input  wire  [3:0]              bits_i,       // b of the layer
    input  wire  [31:0]             selectors_i,  // {selA, selB} of index 0..7, index 0 lowest
    input  wire  [LEVELS*LEVEL_BITS-1:0] levels_i,  // lut: of index 0..15, index 0 lowest

    input  wire  [CODE_BITS-1:0]    code_i,       // right aligned
    input  wire                     keep_i,       // 0: no weight here
    output logic [WEIGHT_BITS-1:0]  weight_o      // zero-extended to the widest format's wires
);

  localparam logic [FORMAT_BITS-1:0] SUBSET_FORMAT = FORMAT_BITS'(1);
  localparam logic [FORMAT_BITS-1:0] PWLQ_FORMAT   = FORMAT_BITS'(2);
  localparam logic [FORMAT_BITS-1:0] LUT_FORMAT    = FORMAT_BITS'(3);
  localparam logic [FORMAT_BITS-1:0] PWLQ_DOUBLE_FORMAT = FORMAT_BITS'(4);
  localparam logic [4:0] SUBSET_ZERO   = 5'b01111;  // both selectors select nothing

  generate
    if (UNIFORM_BITS != 0 && (UNIFORM_BITS < 2 || UNIFORM_BITS > 8)) begin : gen_bad_uniform_bits
      npu_weight_decode_UNIFORM_BITS_must_be_0_or_2_to_8 bad_parameter ();
    end
    if (SUBSET != 0 && SUBSET != 1) begin : gen_bad_subset
      npu_weight_decode_SUBSET_must_be_0_or_1 bad_parameter ();
    end
    if (PWLQ_BITS != 0 && (PWLQ_BITS < 2 || PWLQ_BITS > 8)) begin : gen_bad_pwlq_bits
      npu_weight_decode_PWLQ_BITS_must_be_0_or_2_to_8 bad_parameter ();
    end
    if (LUT != 0 && LUT != 1) begin : gen_bad_lut
      npu_weight_decode_LUT_must_be_0_or_1 bad_parameter ();
    end
    if (PWLQ_DOUBLE != 0 && PWLQ_DOUBLE != 1) begin : gen_bad_pwlq_double
      npu_weight_decode_PWLQ_DOUBLE_must_be_0_or_1 bad_parameter ();
    end
    if (PWLQ_DOUBLE != 0 && UNIFORM_BITS < 6) begin : gen_bad_double_multiplier
      npu_weight_decode_PWLQ_DOUBLE_needs_UNIFORM_BITS_6 bad_parameter ();
    end
    if (LUT != 0 && UNIFORM_BITS != LEVEL_BITS) begin : gen_bad_multiplier
      npu_weight_decode_LUT_needs_UNIFORM_BITS_8 bad_parameter ();
    end
    if (UNIFORM_BITS == 0 && SUBSET == 0 && PWLQ_BITS == 0) begin : gen_bad_formats
      npu_weight_decode_needs_at_least_one_format bad_parameter ();
    end
  endgenerate

  // Bit b-1 is the sign of uniform and subset and the region of both pwlq, whose sign is bit b.
  wire [CODE_BITS-1:0] bit_b      = {{(CODE_BITS - 1) {1'b0}}, 1'b1} << bits_i;
  wire [CODE_BITS-1:0] bit_b_less = {{(CODE_BITS - 1) {1'b0}}, 1'b1} << (bits_i - 4'd1);
  wire [CODE_BITS-1:0] field_mask = bit_b_less - 1'b1;
  wire [CODE_BITS-1:0] field      = code_i & field_mask;
  wire                 at_b       = |(code_i & bit_b);
  wire                 at_b_less  = |(code_i & bit_b_less);

  wire [WEIGHT_BITS-1:0] uniform_weight;
  wire [WEIGHT_BITS-1:0] subset_weight;
  wire [WEIGHT_BITS-1:0] pwlq_weight;
  wire [WEIGHT_BITS-1:0] lut_weight;
  wire [WEIGHT_BITS-1:0] pwlq_double_weight;
  logic [WEIGHT_BITS-1:0] weight_d;

  // What only some of the formats read.
  wire unused = &{1'b0, selectors_i, levels_i, field, at_b, SUBSET_ZERO, LUT_FORMAT,
                   PWLQ_DOUBLE_FORMAT};

  generate
    if (UNIFORM_BITS != 0) begin : gen_uniform
      wire [UNIFORM_BITS-1:0] above = at_b_less ? ~field_mask[UNIFORM_BITS-1:0] : '0;
      assign uniform_weight = keep_i ? WEIGHT_BITS'(field[UNIFORM_BITS-1:0] | above) : '0;
    end else begin : gen_no_uniform
      assign uniform_weight = '0;
    end
    if (SUBSET != 0) begin : gen_subset
      wire [3:0] selector = selectors_i[{field[2:0], 2'b00}+:4];
      assign subset_weight = WEIGHT_BITS'(keep_i ? {at_b_less, selector} : SUBSET_ZERO);
    end else begin : gen_no_subset
      assign subset_weight = '0;
    end
    if (PWLQ_BITS != 0) begin : gen_pwlq
      assign pwlq_weight = keep_i ? WEIGHT_BITS'({at_b, at_b_less, field[PWLQ_BITS-2:0]}) : '0;
    end else begin : gen_no_pwlq
      assign pwlq_weight = '0;
    end
    if (LUT != 0) begin : gen_lut
      wire [CODE_BITS-1:0] index = code_i & (field_mask | bit_b_less);
      wire [LEVEL_BITS-1:0] level = levels_i[{index[3:0], 3'b000}+:LEVEL_BITS];
      wire unused_index = &{1'b0, index};
      assign lut_weight = keep_i ? WEIGHT_BITS'(level) : '0;
    end else begin : gen_no_lut
      assign lut_weight = uniform_weight;
    end
    if (PWLQ_DOUBLE != 0) begin : gen_pwlq_double
      wire [4:0] size = at_b_less ? {1'b0, field[2:0], 1'b0} + 5'(field_mask[2:0])
                                  : 5'(field[2:0]);
      localparam int WIDE_BITS = (UNIFORM_BITS < 6) ? 6 : UNIFORM_BITS;  // less is refused above
      wire [WIDE_BITS-1:0] wide = WIDE_BITS'(size);
      wire [WIDE_BITS-1:0] signed_size = at_b ? -wide : wide;
      assign pwlq_double_weight = keep_i ? WEIGHT_BITS'(signed_size) : '0;
    end else begin : gen_no_pwlq_double
      assign pwlq_double_weight = uniform_weight;
    end
  endgenerate

  always_comb begin
    case (format_i)
      SUBSET_FORMAT: weight_d = subset_weight;
      PWLQ_FORMAT:   weight_d = pwlq_weight;
      LUT_FORMAT:    weight_d = lut_weight;
      PWLQ_DOUBLE_FORMAT: weight_d = pwlq_double_weight;
      default:       weight_d = uniform_weight;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) weight_o <= weight_d;
  end

endmodule

`default_nettype wire
