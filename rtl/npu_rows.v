// rows: what enters the rows of the array in a MAC, and which rows count.
//
// | stage | signals                                                                      |
// |-------|------------------------------------------------------------------------------|
// | 1     | operand_*_i, current_i                                                       |
// | 2     | valid_2_o, keep_2_o of the lanes; mx_act_i: memory output                    |
// | 3     | valid_3_o, mask_3_o, above_keep_3_o; own_xe_i of the lanes; conv_xe_o        |
//
// In a convolution all lanes see the operands of a slice: row r that of lane slice*ROWS + r, or of
// more words: row r that of lane r % SIZE of word r / SIZE. In a window enters_1_o, enters_2_o are the
// rows at which the pixels of the two rows before enter.
//
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_rows #(
    parameter  int SIZE      = 4,
    parameter  int ROWS      = 4,
    localparam int BYTE_BITS = 8,
    localparam int XE_BITS   = 9,
    localparam int SLICES    = (SIZE + ROWS - 1) / ROWS,
    localparam int WORDS     = (ROWS + SIZE - 1) / SIZE,
    localparam int SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1,
    localparam int MX_REGISTERS = 14,
    localparam int INSTRUCTION_BITS = 128
) (
    input  wire                         clk_i,
    input  wire                         rst_i,

    // the MAC that runs
    input  wire  [INSTRUCTION_BITS-1:0] current_i,
    input  wire  [MX_REGISTERS*32-1:0]  registers_i,
    output logic                        depthwise_o,       // registered

    // stage 1
    input  wire                         operand_valid_i,
    input  wire  [ROWS-1:0]             operand_active_i,
    input  wire  [SLICE_BITS-1:0]       operand_slice_i,
    input  wire                         operand_first_i,
    input  wire  [1:0]                  operand_above_i,

    // stage 2
    output logic                        valid_2_o,
    output logic [SIZE-1:0]             keep_2_o,          // the lane's operand counts
    input  wire  [WORDS*SIZE*BYTE_BITS-1:0] mx_act_i,      // of each word of a tile

    // stage 3
    output logic                        valid_3_o,
    output logic [ROWS-1:0]             mask_3_o,          // depthwise: the row's operand counts
    output logic [1:0]                  above_keep_3_o,    // window: so do the rows before
    input  wire  [SIZE*XE_BITS-1:0]     own_xe_i,
    output wire  [ROWS*XE_BITS-1:0]     conv_xe_o,

    // window
    output logic [ROWS-1:0]             enters_1_o,
    output logic [ROWS-1:0]             enters_2_o
);

  `include "generated/npu_isa.vh"

  localparam int TAPS_BITS = MX_R_MAC_TILE_TAPS_W + 1;

  wire [31:0] mac_format = registers_i[MX_R_MAC_FORMAT*32+:32];
  wire [31:0] mac_tile   = registers_i[MX_R_MAC_TILE*32+:32];
  wire [TAPS_BITS-1:0] taps = {1'b0, mac_tile[MX_R_MAC_TILE_TAPS_L+:MX_R_MAC_TILE_TAPS_W]};
  wire window = current_i[MAC_DEPTHWISE_L] && current_i[MAC_WINDOW_L];
  wire unused = &{1'b0, current_i, registers_i, mac_format, mac_tile, mx_act_i};

  logic [ROWS-1:0] active_2q, mask_2q;
  logic [1:0] above_keep_2q;

  always_ff @(posedge clk_i) begin
    if (rst_i) {valid_3_o, valid_2_o} <= '0;
    else {valid_3_o, valid_2_o} <= {valid_2_o, operand_valid_i};
  end

  always_ff @(posedge clk_i) begin
    depthwise_o   <= current_i[MAC_DEPTHWISE_L];
    active_2q     <= operand_active_i;
    mask_2q       <= operand_active_i & {ROWS{!operand_first_i}};
    above_keep_2q <= operand_above_i &
        {|(operand_active_i & enters_2_o), |(operand_active_i & enters_1_o)};
    mask_3_o       <= mask_2q;
    above_keep_3_o <= above_keep_2q;
  end

  genvar c, r, s;
  generate
    for (c = 0; c < SIZE; c = c + 1) begin : lane
      wire in_slice = SLICES == 1 || operand_slice_i == SLICE_BITS'(c / ROWS);

      always_ff @(posedge clk_i) begin
        keep_2_o[c] <= depthwise_o ? operand_active_i[0] : operand_active_i[c%ROWS] && in_slice;
      end
    end

    for (r = 0; r < ROWS; r = r + 1) begin : row
      localparam logic [TAPS_BITS-1:0] ROW = TAPS_BITS'(r);

      always_ff @(posedge clk_i) begin
        enters_1_o[r] <= window && r != 0 && taps == ROW;
        enters_2_o[r] <= window && r != 0 && taps << 1 == ROW;
      end

      // Lanes outside of the slice hold 0, so a row's operand is the union of its lanes'.
      for (s = 0; s < SLICES; s = s + 1) begin : slice
        localparam int LANE = s * ROWS + r;
        wire [XE_BITS-1:0] lane_xe;
        wire [XE_BITS-1:0] until_xe;

        if (LANE < SIZE) begin : gen_lane
          assign lane_xe = own_xe_i[LANE*XE_BITS+:XE_BITS];
        end else if (WORDS > 1) begin : gen_word
          wire unused_valid_word;

          npu_subtract_zero_point subtract_zero_point (
              .clk_i(clk_i), .rst_i(rst_i), .en_i(valid_2_o && !depthwise_o), .valid_i(1'b0),
              .valid_o(unused_valid_word), .unsigned_type_i(mac_format[MX_R_MAC_FORMAT_UNSIGNED_L]),
              .zero_point_i(mac_format[MX_R_MAC_FORMAT_ZERO_POINT_L+:XE_BITS]),
              .x_i(mx_act_i[LANE*BYTE_BITS+:BYTE_BITS]), .keep_i(active_2q[r]),
              .xe_o(lane_xe)
          );
        end else begin : gen_no_lane
          assign lane_xe = '0;
        end
        if (s == 0) begin : gen_first
          assign until_xe = lane_xe;
        end else begin : gen_next
          assign until_xe = slice[s-1].until_xe | lane_xe;
        end
      end

      assign conv_xe_o[r*XE_BITS+:XE_BITS] = slice[SLICES-1].until_xe;
    end

    if (WORDS == 1) begin : gen_one_word
      wire unused_active = &{1'b0, active_2q};
    end
  endgenerate

endmodule

`default_nettype wire
