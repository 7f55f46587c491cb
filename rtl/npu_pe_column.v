// pe_column: ROWS weights x ROWS operands -> one sum per region, exact, no overflow.
//
//   product_r = weight_r * xe_r                      by format: multiply, or shift and add
//                                                    (lut, pwlq_double: as uniform)
//   centre    = sum of product_r over the rows in the centre (uniform and subset: over all rows)
//   tail      = sum of product_r over the rows in the tail          pwlq only, otherwise 0
//   tail_sum  = sum of +-xe_r over the rows in the tail             pwlq only, otherwise 0
//
// | stage              | signals                                                |
// |--------------------|--------------------------------------------------------|
// | 1                  | product_q and, with pwlq, tail_q and signed_xe_q per PE |
// | 2 .. LEVELS + 1    | level[l].node[i]: sums of four, zero where absent      |
//
// Latency: 2 cycles by default: 1 + LEVELS, LEVELS = ceil(log4 ROWS).
// Spec: npusim/datapath/pe_column.py

`default_nettype none

module npu_pe_column #(
    parameter  int ROWS         = 4,  // 2..64
    parameter  int UNIFORM_BITS = 8,  // widest uniform weight, 2..8; 0: not built in
    parameter  int SUBSET       = 1,  // 1: subset weights; 0: not built in
    parameter  int PWLQ_BITS    = 4,  // widest b of pwlq, 2..8; 0: not built in
    localparam int XE_BITS      = 9,
    localparam int FORMAT_BITS  = 3,
    localparam int PWLQ_WIRE_BITS   = (PWLQ_BITS != 0) ? PWLQ_BITS + 1 : 0,
    localparam int SUBSET_WIRE_BITS = (SUBSET != 0) ? 5 : 0,
    localparam int WIDER_BITS  = (UNIFORM_BITS > PWLQ_WIRE_BITS) ? UNIFORM_BITS : PWLQ_WIRE_BITS,
    localparam int WEIGHT_BITS = (WIDER_BITS > SUBSET_WIRE_BITS) ? WIDER_BITS : SUBSET_WIRE_BITS,
    localparam int MOST_BITS   = (UNIFORM_BITS > PWLQ_BITS) ? UNIFORM_BITS : PWLQ_BITS,
    localparam int PRODUCT_BITS =
        XE_BITS - 1 + ((SUBSET != 0 && MOST_BITS < 6) ? 6 : MOST_BITS),
    localparam int TAIL_BITS   = XE_BITS - 1 + PWLQ_BITS,
    localparam int ROW_BITS    = $clog2(ROWS)
) (
    input  wire                                    clk_i,
    input  wire                                    rst_i,
    input  wire                                    en_i,

    input  wire                                    valid_i,
    output logic                                   valid_o,

    input  wire  [FORMAT_BITS-1:0]                 format_i,  // as of npu_weight_decode

    input  wire  [ROWS*WEIGHT_BITS-1:0]            weight_i,  // row 0 in the lowest bits
    input  wire  [ROWS*XE_BITS-1:0]                xe_i,      // -255..255, row 0 lowest

    output wire  signed [PRODUCT_BITS+ROW_BITS-1:0] centre_o,
    output wire  signed [TAIL_BITS+ROW_BITS-1:0]    tail_o,
    output wire  signed [XE_BITS+ROW_BITS-1:0]      tail_sum_o
);

  localparam logic [FORMAT_BITS-1:0] SUBSET_FORMAT = FORMAT_BITS'(1);
  localparam logic [FORMAT_BITS-1:0] PWLQ_FORMAT   = FORMAT_BITS'(2);
  localparam int LEVELS = (ROW_BITS + 1) / 2;
  localparam int RADIX  = 4;

  // The fields of a format that is not built in have a width and a place all the same.
  localparam int W_BITS    = (UNIFORM_BITS != 0) ? UNIFORM_BITS : 2;
  localparam int B         = (PWLQ_BITS != 0) ? PWLQ_BITS : 2;
  localparam int WIDE_BITS = 9;

  generate
    if (UNIFORM_BITS == 0 && SUBSET == 0 && PWLQ_BITS == 0) begin : gen_bad_formats
      npu_pe_column_needs_at_least_one_format bad_parameter ();
    end
    if (ROWS < 2 || ROWS > 64) begin : gen_bad_rows
      npu_pe_column_ROWS_must_be_2_to_64 bad_parameter ();
    end
    if (UNIFORM_BITS != 0 && (UNIFORM_BITS < 2 || UNIFORM_BITS > 8)) begin : gen_bad_uniform_bits
      npu_pe_column_UNIFORM_BITS_must_be_0_or_2_to_8 bad_parameter ();
    end
    if (SUBSET != 0 && SUBSET != 1) begin : gen_bad_subset
      npu_pe_column_SUBSET_must_be_0_or_1 bad_parameter ();
    end
    if (PWLQ_BITS != 0 && (PWLQ_BITS < 2 || PWLQ_BITS > 8)) begin : gen_bad_pwlq_bits
      npu_pe_column_PWLQ_BITS_must_be_0_or_2_to_8 bad_parameter ();
    end
  endgenerate

  // A format that is alone needs no selection.
  wire is_subset = (SUBSET != 0) &&
      ((UNIFORM_BITS == 0 && PWLQ_BITS == 0) || format_i == SUBSET_FORMAT);
  wire is_pwlq = (PWLQ_BITS != 0) &&
      ((UNIFORM_BITS == 0 && SUBSET == 0) || format_i == PWLQ_FORMAT);
  wire unused_format = &{1'b0, format_i};

  genvar l, i;
  generate
    for (l = 0; l <= LEVELS; l = l + 1) begin : level
      localparam int NODES  = (ROWS + (1 << (2 * l)) - 1) >> (2 * l);
      localparam int GROUPS = (NODES + RADIX - 1) / RADIX;
      localparam int PLACES = (l == LEVELS) ? NODES : RADIX * GROUPS;
      localparam int GROWTH = (2 * l < ROW_BITS) ? 2 * l : ROW_BITS;
      localparam int CENTRE_BITS   = PRODUCT_BITS + GROWTH;
      localparam int REGION_BITS   = TAIL_BITS + GROWTH;
      localparam int TAIL_SUM_BITS = XE_BITS + GROWTH;

      for (i = 0; i < PLACES; i = i + 1) begin : node
        wire signed [CENTRE_BITS-1:0]   centre;
        wire signed [REGION_BITS-1:0]   tail;
        wire signed [TAIL_SUM_BITS-1:0] tail_sum;

        if (PWLQ_BITS == 0) begin : gen_one_region
          wire unused = &{1'b0, tail, tail_sum};
        end

        if (i >= NODES) begin : gen_absent
          assign centre   = '0;
          assign tail     = '0;
          assign tail_sum = '0;
        end else if (l == 0) begin : gen_pe
          wire [WIDE_BITS-1:0] weight = WIDE_BITS'(weight_i[i*WEIGHT_BITS+:WEIGHT_BITS]);
          wire signed [XE_BITS-1:0] xe = xe_i[i*XE_BITS+:XE_BITS];
          wire signed [W_BITS-1:0] w = weight[W_BITS-1:0];
          wire signed [B-1:0] g = {1'b0, weight[B-2:0]};
          wire [1:0] sel_a = weight[3:2];
          wire [1:0] sel_b = weight[1:0];
          wire negative = is_subset ? weight[4] : weight[B];
          wire signed [XE_BITS-1:0] signed_xe;
          wire signed [PRODUCT_BITS-1:0] wide_xe = PRODUCT_BITS'(signed_xe);
          wire unused = &{1'b0, weight, w, g, sel_a, sel_b, negative, wide_xe};

          if (SUBSET != 0 || PWLQ_BITS != 0) begin : gen_sign
            assign signed_xe = negative ? -xe : xe;
          end else begin : gen_no_sign
            assign signed_xe = '0;
          end

          logic signed [PRODUCT_BITS-1:0] product_q;

          always_ff @(posedge clk_i) begin
            if (en_i) begin
              if (SUBSET != 0 && is_subset)
                product_q <=
                    (sel_a == 2'd0 ? wide_xe <<< 4 : sel_a == 2'd1 ? wide_xe <<< 3 :
                     sel_a == 2'd2 ? wide_xe <<< 1 : '0) +
                    (sel_b == 2'd0 ? wide_xe <<< 4 : sel_b == 2'd1 ? wide_xe <<< 2 :
                     sel_b == 2'd2 ? wide_xe : '0);
              else if (PWLQ_BITS != 0 && is_pwlq) product_q <= PRODUCT_BITS'(g) * wide_xe;
              else product_q <= PRODUCT_BITS'(w) * PRODUCT_BITS'(xe);
            end
          end

          if (PWLQ_BITS != 0) begin : gen_regions
            logic tail_q;
            logic signed [XE_BITS-1:0] signed_xe_q;

            always_ff @(posedge clk_i) begin
              if (en_i) begin
                tail_q      <= is_pwlq && weight[B-1];
                signed_xe_q <= signed_xe;
              end
            end

            assign centre   = tail_q ? '0 : product_q;
            assign tail     = tail_q ? product_q[TAIL_BITS-1:0] : '0;
            assign tail_sum = tail_q ? signed_xe_q : '0;
          end else begin : gen_no_regions
            assign centre   = product_q;
            assign tail     = '0;
            assign tail_sum = '0;
          end
        end else begin : gen_sum
          logic signed [CENTRE_BITS-1:0] centre_q;

          always_ff @(posedge clk_i) begin
            if (en_i)
              centre_q <= CENTRE_BITS'(level[l-1].node[RADIX*i].centre) +
                  CENTRE_BITS'(level[l-1].node[RADIX*i+1].centre) +
                  CENTRE_BITS'(level[l-1].node[RADIX*i+2].centre) +
                  CENTRE_BITS'(level[l-1].node[RADIX*i+3].centre);
          end

          assign centre = centre_q;

          if (PWLQ_BITS != 0) begin : gen_regions
            logic signed [REGION_BITS-1:0]   tail_q;
            logic signed [TAIL_SUM_BITS-1:0] tail_sum_q;

            always_ff @(posedge clk_i) begin
              if (en_i) begin
                tail_q <= REGION_BITS'(level[l-1].node[RADIX*i].tail) +
                    REGION_BITS'(level[l-1].node[RADIX*i+1].tail) +
                    REGION_BITS'(level[l-1].node[RADIX*i+2].tail) +
                    REGION_BITS'(level[l-1].node[RADIX*i+3].tail);
                tail_sum_q <= TAIL_SUM_BITS'(level[l-1].node[RADIX*i].tail_sum) +
                    TAIL_SUM_BITS'(level[l-1].node[RADIX*i+1].tail_sum) +
                    TAIL_SUM_BITS'(level[l-1].node[RADIX*i+2].tail_sum) +
                    TAIL_SUM_BITS'(level[l-1].node[RADIX*i+3].tail_sum);
              end
            end

            assign tail     = tail_q;
            assign tail_sum = tail_sum_q;
          end else begin : gen_no_regions
            assign tail     = '0;
            assign tail_sum = '0;
          end
        end
      end
    end
  endgenerate

  assign centre_o   = level[LEVELS].node[0].centre;
  assign tail_o     = level[LEVELS].node[0].tail;
  assign tail_sum_o = level[LEVELS].node[0].tail_sum;

  logic [LEVELS-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) {valid_o, valid_q} <= '0;
    else if (en_i) {valid_o, valid_q} <= {valid_q, valid_i};
  end

endmodule

`default_nettype wire
