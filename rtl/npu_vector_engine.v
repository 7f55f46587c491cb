// vector_engine: control of RQ and VEC: constants, one term or tap a cycle, results.
//
//   RQ:  for b: 3 + J words of PAR;  for y, x: for lane: for j in 0..J-1: one term a cycle
//   VEC: for b, y, x: for lane: for ky, kx: one tap a cycle
//   lane: those that share a unit, whose window is walked once for each of them
//
// | stage   | RQ                                            | VEC                              |
// |---------|-----------------------------------------------|----------------------------------|
// | 0       | PAR, then ACC or ACT address                  | ACT address; sum: ACC address    |
// | 1       | bank's output                                 | bank's output                    |
// | 2       | memory output; par_*_o, term_*_o, tap_2_o     | memory output                    |
// | 3       | operand registers                             | operand register; tap_3_o        |
// | 4       | term merged; constants                        |                                  |
// | n + L   | result of the unit; write_o; n = 4            | n = 3                            |
// | + 1     | R of the last                                 | R of the last                    |
//
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_vector_engine #(
    parameter  int LANES_PER_REQUANTIZER = 1,  // 1, 2, 4 or 8; likewise
    parameter  int LANES_PER_LOOKUP      = 1,
    localparam int INSTRUCTION_BITS = 128,
    localparam int REGISTERS        = 17,
    localparam int WORD_BITS        = 16,
    localparam int PAR_INDEX_BITS   = 3,
    localparam int TERM_BITS        = 2,
    localparam int LANE_BITS        = 3,
    localparam int REGIONS          = 3
) (
    input  wire                         clk_i,
    input  wire                         rst_i,

    // control
    input  wire  [INSTRUCTION_BITS-1:0] head_i,
    input  wire  [INSTRUCTION_BITS-1:0] current_i,
    input  wire  [REGISTERS*32-1:0]     registers_i,
    input  wire                         prepare_i,       // takes the operands of RQ or VEC
    input  wire                         issue_i,
    output wire                         retire_o,
    output logic                        busy_o,          // I + 1 .. R

    // scratchpads
    output wire                         act_read_o,
    output wire  [WORD_BITS-1:0]        act_address_o,
    output wire                         par_read_o,
    output wire  [WORD_BITS-1:0]        par_address_o,
    output wire  [REGIONS-1:0]          acc_read_o,
    output wire  [WORD_BITS-1:0]        acc_address_o,

    // stage 2
    output logic                        par_valid_o,
    output logic [PAR_INDEX_BITS-1:0]   par_index_o,     // word of the channel block
    output logic                        term_valid_o,    // a term or an old sum
    output logic [TERM_BITS-1:0]        term_index_o,
    output logic                        term_from_act_o,
    output logic                        tap_2_o,         // VEC
    output logic                        first_2_o,       // first tap of a window
    output logic [LANE_BITS-1:0]        lane_2_o,        // of those that share a unit

    // stage 3
    output logic                        tap_3_o,
    output logic                        first_3_o,
    output logic [LANE_BITS-1:0]        lane_3_o,

    // result
    output wire                         hold_o,          // of a lane before the last
    output wire                         act_write_o,
    output wire                         acc_write_o,
    output wire  [WORD_BITS-1:0]        write_address_o
);

  `include "generated/npu_isa.vh"
  `include "generated/npu_latency.vh"

  localparam int LEVELS = 6;  // kx, ky, lane, x, y, b
  localparam int ADD_CYCLES = LATENCY_ADD + LATENCY_REQUANTIZE;
  localparam int RQ_CYCLES  = ISA_RQ_DRAIN_CYCLES + LATENCY_REQUANTIZE;  // last address to R
  localparam int VEC_CYCLES = ISA_VEC_DRAIN_CYCLES + ADD_CYCLES;
  localparam int LINE       = (RQ_CYCLES > VEC_CYCLES) ? RQ_CYCLES : VEC_CYCLES;
  localparam int LINE_BITS  = $clog2(LINE + 1);
  localparam int FLAGS = 2;  // of a result on its way: hold, write

  wire head_is_rq = head_i[HEADER_OPCODE_L+:HEADER_OPCODE_W] == HEADER_OPCODE_W'(OP_RQ);
  wire [VEC_OP_W-1:0] head_op = head_i[VEC_OP_L+:VEC_OP_W];
  wire head_is_pair =
      head_op == VEC_OP_W'(VEC_OP_ADD) || head_op == VEC_OP_W'(VEC_OP_MULTIPLY);
  wire [15:0] kx = registers_i[EP_R_VEC_KX*32+:16];
  wire [VEC_OP_W-1:0] op = current_i[VEC_OP_L+:VEC_OP_W];
  wire [3:0] act_terms = current_i[RQ_ACT_TERMS_L+:RQ_ACT_TERMS_W];
  wire unused = &{1'b0, head_i, current_i, registers_i};

  // Of the instruction that runs, decoded when its operands are taken.

  logic is_rq_q, is_sum_q, is_table_q;
  logic [15:0] ky_q, lanes_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      {is_rq_q, is_sum_q, is_table_q} <= '0;
      {ky_q, lanes_q} <= '0;
    end else if (prepare_i) begin
      is_rq_q    <= head_is_rq;
      is_sum_q   <= !head_is_rq && head_op == VEC_OP_W'(VEC_OP_SUM);
      is_table_q <= !head_is_rq && head_op == VEC_OP_W'(VEC_OP_TABLE);
      ky_q       <= head_is_rq ? 16'd1 : registers_i[EP_R_VEC_KY*32+:16];
      if (head_is_rq || head_is_pair) lanes_q <= 16'(LANES_PER_REQUANTIZER);
      else if (head_op == VEC_OP_W'(VEC_OP_LOOKUP)) lanes_q <= 16'(LANES_PER_LOOKUP);
      else lanes_q <= 16'd1;
    end
  end

  // Constants, then terms or taps.

  logic par_q, stream_q;
  logic [PAR_INDEX_BITS-1:0] index_q;
  logic [WORD_BITS-1:0] par_address_q;
  logic [TERM_BITS-1:0] term_q;
  logic [LANE_BITS-1:0] lane_q;

  wire [LEVELS-1:0] first, last;
  wire unused_first = &{1'b0, first};
  wire par_ends   = index_q == PAR_INDEX_BITS'(ISA_PAR_HEADER_WORDS - 1) + kx[PAR_INDEX_BITS-1:0];
  wire block_ends = &last[LEVELS-2:0];
  wire ends       = stream_q && (&last);
  wire first_tap  = first[0] && first[1];
  wire last_tap   = last[0] && last[1];
  wire last_lane  = last[2];
  wire held       = !first[2] && first_tap && last_tap;  // the window's one word stands there yet
  wire from_act   = !is_rq_q || act_terms[term_q];
  wire old_sum    = is_sum_q && current_i[VEC_ACCUMULATE_L] && first_tap;

  npu_nest #(
      .LEVELS(LEVELS),
      .COUNT_BITS(16)
  ) nest (
      .clk_i   (clk_i),
      .load_i  (prepare_i),
      .step_i  (stream_q),
      .counts_i({registers_i[EP_R_VEC_B*32+:16], registers_i[EP_R_VEC_Y*32+:16],
                 registers_i[EP_R_VEC_X*32+:16], lanes_q, ky_q, kx}),
      .first_o (first),
      .last_o  (last)
  );

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(WORD_BITS)
  ) act_nest_address (
      .clk_i    (clk_i),
      .load_i   (prepare_i),
      .step_i   (stream_q),
      .last_i   (last),
      .base_i   (head_i[VEC_ACT_L+:VEC_ACT_W]),
      .strides_i({registers_i[EP_R_VEC_B*32+16+:16], registers_i[EP_R_VEC_Y*32+16+:16],
                  registers_i[EP_R_VEC_X*32+16+:16], WORD_BITS'(0),
                  registers_i[EP_R_VEC_KY*32+16+:16], registers_i[EP_R_VEC_KX*32+16+:16]}),
      .address_o(act_address_o)
  );

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(WORD_BITS)
  ) acc_nest_address (
      .clk_i    (clk_i),
      .load_i   (prepare_i),
      .step_i   (stream_q),
      .last_i   (last),
      .base_i   (head_i[VEC_ACC_L+:VEC_ACC_W]),
      .strides_i({registers_i[EP_R_VEC_B_OUT*32+16+:16], registers_i[EP_R_VEC_Y_OUT*32+16+:16],
                  registers_i[EP_R_VEC_X_OUT*32+16+:16], WORD_BITS'(0), WORD_BITS'(0),
                  is_rq_q ? registers_i[EP_R_VEC_KX_OUT*32+16+:16] : WORD_BITS'(0)}),
      .address_o(acc_address_o)
  );

  wire [WORD_BITS-1:0] out_address;

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(WORD_BITS)
  ) out_nest_address (
      .clk_i    (clk_i),
      .load_i   (prepare_i),
      .step_i   (stream_q),
      .last_i   (last),
      .base_i   (head_i[VEC_OUT_L+:VEC_OUT_W]),
      .strides_i({registers_i[EP_R_VEC_B_OUT*32+:16], registers_i[EP_R_VEC_Y_OUT*32+:16],
                  registers_i[EP_R_VEC_X_OUT*32+:16], WORD_BITS'(0), WORD_BITS'(0),
                  WORD_BITS'(0)}),
      .address_o(out_address)
  );

  assign par_read_o    = par_q;
  assign par_address_o = par_address_q;
  assign act_read_o    = stream_q && from_act && !held;
  // pwlq: A1 and S for term 0, A2 for the others; else the one sum.
  wire acc_read   = stream_q && (!from_act || old_sum) && !held;
  wire is_pwlq    = is_rq_q && current_i[RQ_PWLQ_L];
  wire reads_tail = is_pwlq && term_q != '0;
  assign acc_read_o = {is_pwlq && !reads_tail, reads_tail, !reads_tail} & {REGIONS{acc_read}};

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      par_q    <= 1'b0;
      stream_q <= 1'b0;
      busy_o   <= 1'b0;
    end else if (issue_i) begin
      par_q    <= head_is_rq;
      stream_q <= !head_is_rq;
      busy_o   <= 1'b1;
    end else begin
      if (par_q && par_ends) begin
        par_q    <= 1'b0;
        stream_q <= 1'b1;
      end else if (stream_q && block_ends) begin
        stream_q <= !is_rq_q && !last[LEVELS-1];
        par_q    <= is_rq_q && !last[LEVELS-1];
      end
      if (retire_o) busy_o <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (prepare_i) begin
      index_q       <= '0;
      par_address_q <= head_i[RQ_PAR_L+:RQ_PAR_W];
    end else if (par_q) begin
      index_q       <= par_ends ? '0 : index_q + 1'b1;
      par_address_q <= par_address_q + 1'b1;
    end
    if (prepare_i) lane_q <= '0;
    else if (stream_q && last_tap) lane_q <= last_lane ? '0 : lane_q + 1'b1;
    if (prepare_i) term_q <= '0;
    else if (stream_q) term_q <= last[0] ? '0 : term_q + 1'b1;
  end

  // Stages 1 to 3.

  logic par_1q, term_1q, term_from_act_1q, tap_1q, first_1q;
  logic [PAR_INDEX_BITS-1:0] index_1q;
  logic [TERM_BITS-1:0] term_index_1q;
  logic [LANE_BITS-1:0] lane_1q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      {par_valid_o, par_1q}  <= '0;
      {term_valid_o, term_1q} <= '0;
      {tap_3_o, tap_2_o, tap_1q} <= '0;
    end else begin
      {par_valid_o, par_1q}  <= {par_1q, par_q};
      {term_valid_o, term_1q} <= {term_1q, stream_q && (is_rq_q || old_sum)};
      {tap_3_o, tap_2_o, tap_1q} <= {tap_2_o, tap_1q, stream_q && !is_rq_q};
    end
  end

  always_ff @(posedge clk_i) begin
    if (par_q) index_1q <= index_q;
    if (stream_q) begin
      term_index_1q    <= is_rq_q ? term_q : '0;
      term_from_act_1q <= from_act && !old_sum;
      first_1q         <= first_tap;
      lane_1q          <= lane_q;
    end
    par_index_o     <= index_1q;
    term_index_o    <= term_index_1q;
    term_from_act_o <= term_from_act_1q;
    {first_3_o, first_2_o} <= {first_2_o, first_1q};
    {lane_3_o, lane_2_o}   <= {lane_2_o, lane_1q};
  end

  // Results: a line as long as the longest unit, left where the unit of the instruction ends.

  logic [LINE_BITS-1:0] retire_cycles;  // from the last address to R

  always_comb begin
    if (is_rq_q) retire_cycles = LINE_BITS'(RQ_CYCLES);
    else begin
      case (op)
        VEC_OP_W'(VEC_OP_MAX), VEC_OP_W'(VEC_OP_MIN), VEC_OP_W'(VEC_OP_SUM):
        retire_cycles = LINE_BITS'(ISA_VEC_DRAIN_CYCLES + LATENCY_POOL);
        VEC_OP_W'(VEC_OP_LOOKUP):
        retire_cycles = LINE_BITS'(ISA_VEC_DRAIN_CYCLES + LATENCY_LOOKUP);
        VEC_OP_W'(VEC_OP_ADD), VEC_OP_W'(VEC_OP_MULTIPLY): retire_cycles = LINE_BITS'(VEC_CYCLES);
        default: retire_cycles = LINE_BITS'(ISA_VEC_DRAIN_CYCLES);
      endcase
    end
  end

  logic [LINE-1:0] end_line_q;                  // bit n: n + 1 cycles after the last address
  logic [(LINE-1)*FLAGS-1:0] write_line_q;      // entry n: n + 1 cycles after its last tap's
  logic [(LINE-1)*WORD_BITS-1:0] address_line_q;

  wire result = stream_q && last_tap && last_lane && !is_table_q;
  wire holds  = stream_q && last_tap && !last_lane;
  wire [WORD_BITS-1:0] result_address = is_sum_q ? acc_address_o : out_address;
  wire hold, write;

  always_ff @(posedge clk_i) begin
    if (rst_i || prepare_i) begin
      end_line_q   <= '0;
      write_line_q <= '0;
    end else if (busy_o) begin
      end_line_q   <= {end_line_q[LINE-2:0], ends};
      write_line_q <= {write_line_q[0+:(LINE-2)*FLAGS], holds, result};
    end
    if (busy_o) address_line_q <= {address_line_q[0+:(LINE-2)*WORD_BITS], result_address};
  end

  logic [LINE_BITS-1:0] retire_place_q, write_place_q;  // the same all the while: from I + 2 on

  always_ff @(posedge clk_i) begin
    retire_place_q <= retire_cycles - 1'b1;
    write_place_q  <= retire_cycles - LINE_BITS'(2);
  end

  assign retire_o = busy_o && end_line_q[retire_place_q];
  assign {hold, write} = write_line_q[write_place_q*FLAGS+:FLAGS];
  assign write_address_o = address_line_q[write_place_q*WORD_BITS+:WORD_BITS];
  assign hold_o      = busy_o && hold;
  assign act_write_o = busy_o && write && !is_sum_q;
  assign acc_write_o = busy_o && write && is_sum_q;

endmodule

`default_nettype wire
