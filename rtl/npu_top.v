// top: the NPU. FETCH dispatches into four queues; LD, MX, EP and ST run beside each other.
//
//   FETCH -> LD   DRAM -> ACT, WGT, PAR
//         -> MX   array: WGT, ACT -> ACC
//         -> EP   requantizers, vector unit: ACC, ACT -> ACT
//         -> ST   ACT -> DRAM
//
// Every size is a parameter that software can read back (control registers params0..3).
//
// Law: docs/architecture.md

`default_nettype none

module npu_top #(
    `include "generated/npu_parameters.vh"
    localparam int ADDRESS_BITS   = 32,
    localparam int DATA_BITS      = 8 * BUS_BYTES,
    localparam int FETCH_BITS     = BUS_BYTES < 16 ? DATA_BITS : 128,  // an instruction at most
    localparam int LITE_BITS      = 8
) (
    input  wire                     clk_i,
    input  wire                     rst_i,

    // AXI4-Lite control
    input  wire  [LITE_BITS-1:0]    lite_awaddr_i,
    input  wire                     lite_awvalid_i,
    output wire                     lite_awready_o,
    input  wire  [31:0]             lite_wdata_i,
    input  wire  [3:0]              lite_wstrb_i,
    input  wire                     lite_wvalid_i,
    output wire                     lite_wready_o,
    output wire  [1:0]              lite_bresp_o,
    output wire                     lite_bvalid_o,
    input  wire                     lite_bready_i,
    input  wire  [LITE_BITS-1:0]    lite_araddr_i,
    input  wire                     lite_arvalid_i,
    output wire                     lite_arready_o,
    output wire  [31:0]             lite_rdata_o,
    output wire  [1:0]              lite_rresp_o,
    output wire                     lite_rvalid_o,
    input  wire                     lite_rready_i,
    output wire                     irq_o,
    output wire                     running_o,       // between start and done or fault

    // AXI4 ports, INCR bursts of whole beats, in order: FETCH and LD read, ST writes
    output wire  [ADDRESS_BITS-1:0] fetch_araddr_o,
    output wire  [7:0]              fetch_arlen_o,
    output wire                     fetch_arvalid_o,
    input  wire                     fetch_arready_i,
    input  wire  [FETCH_BITS-1:0]   fetch_rdata_i,
    input  wire  [1:0]              fetch_rresp_i,
    input  wire                     fetch_rvalid_i,
    output wire                     fetch_rready_o,
    output wire  [ADDRESS_BITS-1:0] ld_araddr_o,
    output wire  [7:0]              ld_arlen_o,
    output wire                     ld_arvalid_o,
    input  wire                     ld_arready_i,
    input  wire  [DATA_BITS-1:0]    ld_rdata_i,
    input  wire  [1:0]              ld_rresp_i,
    input  wire                     ld_rvalid_i,
    output wire                     ld_rready_o,
    output wire  [ADDRESS_BITS-1:0] st_awaddr_o,
    output wire  [7:0]              st_awlen_o,
    output wire                     st_awvalid_o,
    input  wire                     st_awready_i,
    output wire  [DATA_BITS-1:0]    st_wdata_o,
    output wire                     st_wlast_o,
    output wire                     st_wvalid_o,
    input  wire                     st_wready_i,
    input  wire  [1:0]              st_bresp_i,
    input  wire                     st_bvalid_i,
    output wire                     st_bready_o
);

  `include "generated/npu_isa.vh"

  localparam int ENGINES          = 4;
  localparam int LD = 0, MX = 1, EP = 2, ST = 3;
  localparam int INSTRUCTION_BITS = 128;
  localparam int PC_BITS          = 32, WORD_BITS = 16;
  localparam int CLAIM_BITS       = 20, BANK_BITS = 8;
  localparam int TARGETS          = 3;
  localparam int ACT_BITS         = 8 * SIZE, PAR_BITS = 32 * SIZE;
  localparam int WORDS            = (ROWS + SIZE - 1) / SIZE;
  localparam int COUNTER_BITS     = 5 * 32;

  generate
    if (SIZE < 4 || SIZE > 64 || SIZE != (1 << $clog2(SIZE))) begin : gen_bad_size
      npu_top_SIZE_must_be_a_power_of_two_4_to_64 bad_parameter ();
    end
    if (ROWS < 2 || ROWS > 64 || (ROWS > SIZE && ROWS != SIZE << $clog2(WORDS)))
    begin : gen_bad_rows
      npu_top_ROWS_must_be_2_to_SIZE_or_SIZE_times_a_power_of_two bad_parameter ();
    end
  endgenerate

  // The run: control, fetch, the sequencer of the engines.

  wire start, run, halt, port_idle, fetch_fault, fetch_issue, fetch_retire, all_idle, engine_fault;
  wire clear = rst_i || start;
  wire [31:0] cycle, program_base, program_length;
  wire [ISA_REGION_COUNT*32-1:0] regions;
  wire [15:0] halt_code;
  wire [7:0] fetch_cause, engine_cause;
  wire [2:0] engine_number;
  wire [PC_BITS-1:0] fetch_event_pc, dispatch_pc, engine_pc;
  wire [INSTRUCTION_BITS-1:0] dispatched;
  wire [ENGINES-1:0] push, full, prepare, issue, retire, operand, address, axi;
  wire [ENGINES*INSTRUCTION_BITS-1:0] head, current;
  wire [ENGINES*CLAIM_BITS-1:0] claims;
  wire [ENGINES*COUNTER_BITS-1:0] counters;
  wire [LD_REGISTER_COUNT*32-1:0] ld_registers;
  wire [MX_REGISTER_COUNT*32-1:0] mx_registers;
  wire [EP_REGISTER_COUNT*32-1:0] ep_registers;
  wire [ST_REGISTER_COUNT*32-1:0] st_registers;
  wire unused = &{1'b0, cycle, fetch_issue, fetch_retire};  // the tracer's

  npu_control #(
      `include "generated/npu_parameters_pass.vh"
  ) control (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .awaddr_i        (lite_awaddr_i),
      .awvalid_i       (lite_awvalid_i),
      .awready_o       (lite_awready_o),
      .wdata_i         (lite_wdata_i),
      .wstrb_i         (lite_wstrb_i),
      .wvalid_i        (lite_wvalid_i),
      .wready_o        (lite_wready_o),
      .bresp_o         (lite_bresp_o),
      .bvalid_o        (lite_bvalid_o),
      .bready_i        (lite_bready_i),
      .araddr_i        (lite_araddr_i),
      .arvalid_i       (lite_arvalid_i),
      .arready_o       (lite_arready_o),
      .rdata_o         (lite_rdata_o),
      .rresp_o         (lite_rresp_o),
      .rvalid_o        (lite_rvalid_o),
      .rready_i        (lite_rready_i),
      .irq_o           (irq_o),
      .start_o         (start),
      .run_o           (run),
      .running_o       (running_o),
      .cycle_o         (cycle),
      .program_base_o  (program_base),
      .program_length_o(program_length),
      .regions_o       (regions),
      .halt_i          (halt),
      .halt_code_i     (halt_code),
      .fault_i         (fetch_fault || engine_fault),
      .cause_i         (fetch_fault ? fetch_cause : engine_cause),
      .engine_i        (fetch_fault ? 3'(ENGINE_FETCH) : engine_number),
      .pc_i            (fetch_fault ? fetch_event_pc : engine_pc),
      .port_idle_i     (port_idle),
      .counters_i      (counters)
  );

  npu_fetch #(
      .BUS_BYTES(FETCH_BITS / 8)
  ) fetch (
      .clk_i        (clk_i),
      .rst_i        (clear),
      .run_i        (run),
      .port_idle_o  (port_idle),
      .base_i       (program_base),
      .length_i     (program_length),
      .araddr_o     (fetch_araddr_o),
      .arlen_o      (fetch_arlen_o),
      .arvalid_o    (fetch_arvalid_o),
      .arready_i    (fetch_arready_i),
      .rdata_i      (fetch_rdata_i),
      .rresp_i      (fetch_rresp_i),
      .rvalid_i     (fetch_rvalid_i),
      .rready_o     (fetch_rready_o),
      .full_i       (full),
      .all_idle_i   (all_idle),
      .push_o       (push),
      .instruction_o(dispatched),
      .pc_o         (dispatch_pc),
      .issue_o      (fetch_issue),
      .retire_o     (fetch_retire),
      .event_pc_o   (fetch_event_pc),
      .halt_o       (halt),
      .halt_code_o  (halt_code),
      .fault_o      (fetch_fault),
      .cause_o      (fetch_cause)
  );

  npu_sequencer #(.LUT(LUT)) sequencer (
      .clk_i         (clk_i),
      .rst_i         (clear),
      .run_i         (run),
      .push_i        (push),
      .instruction_i (dispatched),
      .pc_i          (dispatch_pc),
      .full_o        (full),
      .idle_o        (all_idle),
      .head_o        (head),
      .current_o     (current),
      .ld_registers_o(ld_registers),
      .mx_registers_o(mx_registers),
      .ep_registers_o(ep_registers),
      .st_registers_o(st_registers),
      .prepare_o     (prepare),
      .issue_o       (issue),
      .retire_i      (retire),
      .claims_i      (claims),
      .operand_i     (operand),
      .address_i     (address),
      .axi_i         (axi),
      .fault_o       (engine_fault),
      .cause_o       (engine_cause),
      .engine_o      (engine_number),
      .pc_o          (engine_pc),
      .counters_o    (counters)
  );

  // The engines.

  wire [TARGETS-1:0] ld_write;
  wire [WORD_BITS-1:0] ld_address;
  wire [BANK_BITS-1:0] ld_banks;
  wire [PAR_BITS-1:0] ld_data;

  npu_ld #(
      .SIZE       (SIZE),
      .BUS_BYTES  (BUS_BYTES),
      .BURST_BEATS(BURST_BEATS),
      .ACT_BANKS  (ACT_BANKS),
      .WGT_BANKS  (WGT_BANKS),
      .PAR_BANKS  (PAR_BANKS)
  ) ld (
      .clk_i      (clk_i),
      .rst_i      (clear),
      .head_i     (head[LD*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .current_i  (current[LD*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .registers_i(ld_registers),
      .regions_i  (regions),
      .operand_o  (operand[LD]),
      .claims_o   (claims[LD*CLAIM_BITS+:CLAIM_BITS]),
      .prepare_i (prepare[LD]), .issue_i (issue[LD]),
      .retire_o   (retire[LD]),
      .axi_o      (axi[LD]),
      .araddr_o   (ld_araddr_o),
      .arlen_o    (ld_arlen_o),
      .arvalid_o  (ld_arvalid_o),
      .arready_i  (ld_arready_i),
      .rdata_i    (ld_rdata_i),
      .rresp_i    (ld_rresp_i),
      .rvalid_i   (ld_rvalid_i),
      .rready_o   (ld_rready_o),
      .write_o    (ld_write),
      .address_o  (ld_address),
      .banks_o    (ld_banks),
      .data_o     (ld_data)
  );

  wire [WORDS-1:0] mx_act_read;
  wire [WORDS*WORD_BITS-1:0] mx_read_address;
  wire [WORDS*ACT_BITS-1:0] mx_act;
  wire st_read, ep_act_read, ep_act_write, wgt_read, par_read;
  wire mx_acc_fault, ep_acc_fault, mx_pad_fault, ep_pad_fault;
  wire [WORD_BITS-1:0] st_address, ep_read_address, ep_write_address, wgt_address,
      par_address;
  wire [BANK_BITS-1:0] st_banks, mx_read_banks, ep_read_banks, ep_write_banks;
  wire [3:0] wgt_banks, par_banks;
  wire [ACT_BITS-1:0] st_act, ep_act, wgt, ep_out;
  wire [PAR_BITS-1:0] par;

  assign axi[MX]     = 1'b0;
  assign axi[EP]     = 1'b0;
  assign address[MX] = mx_pad_fault || mx_acc_fault;
  assign address[EP] = ep_pad_fault || ep_acc_fault;

  npu_ex #(
      .SIZE(SIZE), .ROWS(ROWS), .PWLQ_DOUBLE(PWLQ_DOUBLE),
      .UNIFORM_BITS(UNIFORM_BITS), .SUBSET(SUBSET), .PWLQ_BITS(PWLQ_BITS), .LUT(LUT),
      .FP32_REQUANTIZER(FP32_REQUANTIZER), .LINE_WORDS(LINE_WORDS),
      .LANES_PER_REQUANTIZER(LANES_PER_REQUANTIZER), .LANES_PER_LOOKUP(LANES_PER_LOOKUP),
      .ACT_BANKS(ACT_BANKS), .WGT_BANKS(WGT_BANKS), .PAR_BANKS(PAR_BANKS),
      .ACC_BANKS(ACC_BANKS), .ACC_WORDS(ACC_WORDS)
  ) ex (
      .clk_i              (clk_i),
      .rst_i              (clear),
      .mx_head_i          (head[MX*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .mx_current_i       (current[MX*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .mx_registers_i     (mx_registers),
      .mx_operand_o       (operand[MX]),
      .mx_claims_o        (claims[MX*CLAIM_BITS+:CLAIM_BITS]),
      .mx_prepare_i (prepare[MX]), .mx_issue_i (issue[MX]),
      .mx_retire_o        (retire[MX]),
      .mx_address_o       (mx_acc_fault),
      .ep_head_i          (head[EP*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .ep_current_i       (current[EP*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .ep_registers_i     (ep_registers),
      .ep_operand_o       (operand[EP]),
      .ep_claims_o        (claims[EP*CLAIM_BITS+:CLAIM_BITS]),
      .ep_prepare_i (prepare[EP]), .ep_issue_i (issue[EP]),
      .ep_retire_o        (retire[EP]),
      .ep_address_o       (ep_acc_fault),
      .mx_act_read_o      (mx_act_read),
      .mx_read_address_o  (mx_read_address),
      .mx_read_banks_o    (mx_read_banks),
      .mx_act_i           (mx_act),
      .wgt_read_o         (wgt_read),
      .wgt_address_o      (wgt_address),
      .wgt_banks_o        (wgt_banks),
      .wgt_i              (wgt),
      .ep_act_read_o      (ep_act_read),
      .ep_read_address_o  (ep_read_address),
      .ep_read_banks_o    (ep_read_banks),
      .ep_act_i           (ep_act),
      .act_write_o        (ep_act_write),
      .act_write_address_o(ep_write_address),
      .act_write_banks_o  (ep_write_banks),
      .act_o              (ep_out),
      .par_read_o         (par_read),
      .par_address_o      (par_address),
      .par_banks_o        (par_banks),
      .par_i              (par)
  );

  npu_st #(
      .SIZE       (SIZE),
      .BUS_BYTES  (BUS_BYTES),
      .BURST_BEATS(BURST_BEATS), .ACT_BANKS(ACT_BANKS)
  ) st (
      .clk_i      (clk_i),
      .rst_i      (clear),
      .head_i     (head[ST*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .current_i  (current[ST*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
      .registers_i(st_registers),
      .regions_i  (regions),
      .operand_o  (operand[ST]),
      .claims_o   (claims[ST*CLAIM_BITS+:CLAIM_BITS]),
      .prepare_i (prepare[ST]), .issue_i (issue[ST]),
      .retire_o   (retire[ST]),
      .axi_o      (axi[ST]),
      .awaddr_o   (st_awaddr_o),
      .awlen_o    (st_awlen_o),
      .awvalid_o  (st_awvalid_o),
      .awready_i  (st_awready_i),
      .wdata_o    (st_wdata_o),
      .wlast_o    (st_wlast_o),
      .wvalid_o   (st_wvalid_o),
      .wready_i   (st_wready_i),
      .bresp_i    (st_bresp_i),
      .bvalid_i   (st_bvalid_i),
      .bready_o   (st_bready_o),
      .read_o     (st_read),
      .address_o  (st_address),
      .banks_o    (st_banks),
      .data_i     (st_act)
  );

  npu_scratchpads #(
      .SIZE(SIZE), .ROWS(ROWS),
      .ACT_BANKS(ACT_BANKS), .ACT_BANK_WORDS(ACT_BANK_WORDS),
      .WGT_BANKS(WGT_BANKS), .WGT_BANK_WORDS(WGT_BANK_WORDS),
      .PAR_BANKS(PAR_BANKS), .PAR_BANK_WORDS(PAR_BANK_WORDS)
  ) scratchpads (
      .clk_i             (clk_i),
      .ld_write_i        (ld_write),
      .ld_address_i      (ld_address),
      .ld_banks_i        (ld_banks),
      .ld_data_i         (ld_data),
      .mx_act_read_i     (mx_act_read),
      .mx_read_address_i (mx_read_address),
      .mx_read_banks_i   (mx_read_banks),
      .mx_act_o          (mx_act),
      .wgt_read_i        (wgt_read),
      .wgt_address_i     (wgt_address),
      .wgt_banks_i       (wgt_banks),
      .wgt_o             (wgt),
      .ep_act_read_i     (ep_act_read),
      .ep_read_address_i (ep_read_address),
      .ep_read_banks_i   (ep_read_banks),
      .ep_act_o          (ep_act),
      .ep_act_write_i    (ep_act_write),
      .ep_write_address_i(ep_write_address),
      .ep_write_banks_i  (ep_write_banks),
      .ep_out_i          (ep_out),
      .par_read_i        (par_read),
      .par_address_i     (par_address),
      .par_banks_i       (par_banks),
      .par_o             (par),
      .st_read_i         (st_read),
      .st_address_i      (st_address),
      .st_banks_i        (st_banks),
      .st_act_o          (st_act),
      .ld_fault_o        (address[LD]),
      .mx_fault_o        (mx_pad_fault),
      .ep_fault_o        (ep_pad_fault),
      .st_fault_o        (address[ST])
  );

endmodule

`default_nettype wire
