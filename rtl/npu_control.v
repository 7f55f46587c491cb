// control: AXI4-Lite slave with the control registers, and the beginning and end of a run.
//
//   start written while nothing runs: start_o for one cycle; the next cycle is cycle 0 of the run
//   run_o    cycle 0 .. end, end = R of HALT, or the first fault (of the lowest engine)
//   running  until after the end FETCH's port is idle; then done or fault
//
// One access at a time: a write is carried out in the cycle after both its address and its data
// have come, a read answered in the cycle after its address. Addresses without a register read 0.
//
// Law: docs/architecture.md, sections 4 and 7

`default_nettype none

module npu_control #(
    `include "generated/npu_parameters.vh"
    localparam int LITE_BITS      = 8,
    localparam int REGIONS        = 8,
    localparam int ENGINES        = 4,
    localparam int COUNTERS       = 5,  // of an engine
    localparam int PC_BITS        = 32
) (
    input  wire                       clk_i,
    input  wire                       rst_i,

    // AXI4-Lite
    input  wire  [LITE_BITS-1:0]      awaddr_i,
    input  wire                       awvalid_i,
    output wire                       awready_o,
    input  wire  [31:0]               wdata_i,
    input  wire  [3:0]                wstrb_i,       // a write with less than four bytes is ignored
    input  wire                       wvalid_i,
    output wire                       wready_o,
    output wire  [1:0]                bresp_o,
    output logic                      bvalid_o,
    input  wire                       bready_i,
    input  wire  [LITE_BITS-1:0]      araddr_i,
    input  wire                       arvalid_i,
    output wire                       arready_o,
    output logic [31:0]               rdata_o,
    output wire  [1:0]                rresp_o,
    output logic                      rvalid_o,
    input  wire                       rready_i,
    output wire                       irq_o,

    // run
    output wire                       start_o,
    output wire                       run_o,
    output wire                       running_o,
    output logic [31:0]               cycle_o,       // number of this cycle
    output logic [31:0]               program_base_o,
    output logic [31:0]               program_length_o,
    output logic [REGIONS*32-1:0]     regions_o,
    input  wire                       halt_i,        // R of HALT
    input  wire  [15:0]               halt_code_i,
    input  wire                       fault_i,       // in this cycle
    input  wire  [7:0]                cause_i,
    input  wire  [2:0]                engine_i,
    input  wire  [PC_BITS-1:0]        pc_i,
    input  wire                       port_idle_i,   // FETCH's
    input  wire  [ENGINES*COUNTERS*32-1:0] counters_i
);

  `include "generated/npu_isa.vh"

  // The run.

  logic run_q, started_q, faulted_q, running_q;
  logic [7:0] cause_q;
  logic [2:0] engine_q;
  logic [31:0] pc_q, halt_code_q;
  logic enable_q;

  wire write;  // a write is carried out
  wire [LITE_BITS-1:0] write_address;
  wire [31:0] write_data;

  assign start_o   = write && write_address == LITE_BITS'(CONTROL_START) && write_data[0] &&
      !running_q;
  assign run_o     = run_q;
  assign running_o = running_q;
  assign irq_o     = enable_q && started_q && !running_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      started_q   <= 1'b0;
      running_q   <= 1'b0;
      run_q       <= 1'b0;
      faulted_q   <= 1'b0;
      cause_q     <= '0;
      engine_q    <= '0;
      pc_q        <= '0;
      halt_code_q <= '0;
      cycle_o     <= '0;
    end else if (start_o) begin
      started_q   <= 1'b1;
      running_q   <= 1'b1;
      run_q       <= 1'b1;
      faulted_q   <= 1'b0;
      cause_q     <= '0;
      engine_q    <= '0;
      pc_q        <= '0;
      halt_code_q <= '0;
      cycle_o     <= '0;
    end else if (run_o) begin
      cycle_o <= cycle_o + 1'b1;
      // Of the last cycle: those of the fault, where it ends with one.
      cause_q  <= cause_i;
      engine_q <= engine_i;
      pc_q     <= pc_i;
      if (fault_i) begin
        run_q     <= 1'b0;
        faulted_q <= 1'b1;
      end else if (halt_i) begin
        run_q       <= 1'b0;
        halt_code_q <= 32'(halt_code_i);
      end
    end else if (port_idle_i) running_q <= 1'b0;
  end

  // Writes.

  logic awfull_q, wfull_q;
  logic [LITE_BITS-1:0] awaddr_q;
  logic [31:0] wdata_q;
  logic [3:0] wstrb_q;

  assign awready_o     = !awfull_q;
  assign wready_o      = !wfull_q;
  assign write         = awfull_q && wfull_q && !bvalid_o && (&wstrb_q);
  assign write_address = awaddr_q;
  assign write_data    = wdata_q;
  assign bresp_o       = 2'b00;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      awfull_q <= 1'b0;
      wfull_q  <= 1'b0;
      bvalid_o <= 1'b0;
    end else begin
      if (awfull_q && wfull_q && !bvalid_o) begin
        awfull_q <= 1'b0;
        wfull_q  <= 1'b0;
        bvalid_o <= 1'b1;
      end else begin
        if (awvalid_i) awfull_q <= 1'b1;
        if (wvalid_i) wfull_q <= 1'b1;
        if (bready_i) bvalid_o <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (awvalid_i && awready_o) awaddr_q <= awaddr_i;
    if (wvalid_i && wready_o) begin
      wdata_q <= wdata_i;
      wstrb_q <= wstrb_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      program_base_o   <= '0;
      program_length_o <= '0;
      regions_o        <= '0;
      enable_q         <= 1'b0;
    end else if (write) begin
      if (write_address == LITE_BITS'(CONTROL_PROGRAM_BASE)) program_base_o <= write_data;
      if (write_address == LITE_BITS'(CONTROL_PROGRAM_LENGTH)) program_length_o <= write_data;
      if (write_address == LITE_BITS'(CONTROL_INTERRUPT_ENABLE)) enable_q <= write_data[0];
      for (int r = 0; r < REGIONS; r = r + 1) begin
        if (write_address == LITE_BITS'(CONTROL_REGION0 + 4 * r))
          regions_o[r*32+:32] <= write_data;
      end
    end
  end

  // Reads.

  logic [31:0] read_data;

  `include "generated/npu_parameters_read.vh"

  always_comb begin
    read_data = '0;
    case (araddr_i)
      LITE_BITS'(CONTROL_ID):               read_data = ISA_ID;
      LITE_BITS'(CONTROL_VERSION):          read_data = ISA_VERSION;
      LITE_BITS'(CONTROL_PARAMS0):          read_data = params0;
      LITE_BITS'(CONTROL_PARAMS1):          read_data = params1;
      LITE_BITS'(CONTROL_PARAMS2):          read_data = params2;
      LITE_BITS'(CONTROL_PARAMS3):          read_data = params3;
      LITE_BITS'(CONTROL_PROGRAM_BASE):     read_data = program_base_o;
      LITE_BITS'(CONTROL_PROGRAM_LENGTH):   read_data = program_length_o;
      LITE_BITS'(CONTROL_STATUS):
      read_data = {29'h0, started_q && !running_q && faulted_q,
                   started_q && !running_q && !faulted_q, running_q};
      LITE_BITS'(CONTROL_FAULT):
      if (faulted_q) begin
        read_data = 32'(cause_q) << CONTROL_FAULT_CAUSE_L | 32'(engine_q) << CONTROL_FAULT_ENGINE_L;
      end
      LITE_BITS'(CONTROL_FAULT_PC):         if (faulted_q) read_data = pc_q;
      LITE_BITS'(CONTROL_HALT_CODE):        read_data = halt_code_q;
      LITE_BITS'(CONTROL_INTERRUPT_ENABLE): read_data = {31'h0, enable_q};
      LITE_BITS'(CONTROL_CYCLES):           read_data = cycle_o;
      default: begin
        for (int r = 0; r < REGIONS; r = r + 1) begin
          if (araddr_i == LITE_BITS'(CONTROL_REGION0 + 4 * r)) read_data = regions_o[r*32+:32];
        end
        for (int c = 0; c < COUNTERS * ENGINES; c = c + 1) begin
          if (araddr_i == LITE_BITS'(CONTROL_LD_BUSY + 4 * c)) read_data = counters_i[c*32+:32];
        end
      end
    endcase
  end

  assign arready_o = !rvalid_o;
  assign rresp_o   = 2'b00;

  always_ff @(posedge clk_i) begin
    if (rst_i) rvalid_o <= 1'b0;
    else if (arvalid_i && arready_o) rvalid_o <= 1'b1;
    else if (rready_i) rvalid_o <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (arvalid_i && arready_o) rdata_o <= read_data;
  end

endmodule

`default_nettype wire
