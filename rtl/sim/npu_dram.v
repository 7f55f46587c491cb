// dram: banks, rows and refresh behind the three ports, stepped tick by tick of the DRAM's clock.
//
// Bursts are served in the order of arrival, FETCH before LD before ST in one cycle. Two pointers go
// through their accesses: the front one opens rows (at most one PRE, ACT or REF a tick), the other
// follows with RD and WR (at most one a tick). A command goes in the first tick in which as many ticks
// have passed since each command before it as the DRAM asks for. A refresh is in the order of arrival
// too: one every tREFI, before the bursts of its tick.
//
//   cycle n of the NPU begins with tick floor(n * TICKS / CYCLES)
//   arrived_o: accesses of a port whose last data have passed, DELAY cycles ago or earlier
//
// Plus arguments: those of `names` below, each with the prefix dram_.
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_dram #(
    localparam int PORTS        = 3,  // FETCH, LD, ST
    localparam int ADDRESS_BITS = 32
) (
    input  wire                          clk_i,
    input  wire                          rst_i,       // held from reset to the start of a run
    output logic                         shared_o,    // this is the model that was chosen
    output logic [5:0]                   access_log2_o,
    input  wire [PORTS-1:0]              ask_i,       // a burst has arrived: an address, the last W
    input  wire [PORTS*ADDRESS_BITS-1:0] address_i,   // of its first byte
    input  wire [PORTS*16-1:0]           bytes_i,
    output logic [PORTS*32-1:0]          arrived_o    // accesses since the start of the run
);

  localparam int ST          = 2;
  localparam int BURSTS      = 256;    // more than three ports have on their way
  localparam int ACCESSES    = 16384;  // of a port: 64 bursts of 4096 bytes
  localparam int BANKS_MOST  = 64;
  localparam int GROUPS_MOST = 8;
  localparam logic signed [63:0] LONG_AGO = -64'sd1 << 40;

  // What the DRAM is.

  integer shared, cycles, ticks, delay_cycles, access_log2, group_log2, column_log2, bank_log2;
  integer CL, CWL, BL, RCD, RP, RAS, RC, RRD_S, RRD_L, FAW, CCD_S, CCD_L, RTP, WR, WTR_S, WTR_L;
  integer RTW, REFI, RFC, found, banks;

  initial begin
    found = $value$plusargs("dram_is_shared=%d", shared);
    found = found + $value$plusargs("dram_cycles=%d", cycles);
    found = found + $value$plusargs("dram_ticks=%d", ticks);
    found = found + $value$plusargs("dram_delay_cycles=%d", delay_cycles);
    found = found + $value$plusargs("dram_access_log2=%d", access_log2);
    found = found + $value$plusargs("dram_group_log2=%d", group_log2);
    found = found + $value$plusargs("dram_column_log2=%d", column_log2);
    found = found + $value$plusargs("dram_bank_log2=%d", bank_log2);
    found = found + $value$plusargs("dram_CL=%d", CL);
    found = found + $value$plusargs("dram_CWL=%d", CWL);
    found = found + $value$plusargs("dram_BL=%d", BL);
    found = found + $value$plusargs("dram_RCD=%d", RCD);
    found = found + $value$plusargs("dram_RP=%d", RP);
    found = found + $value$plusargs("dram_RAS=%d", RAS);
    found = found + $value$plusargs("dram_RC=%d", RC);
    found = found + $value$plusargs("dram_RRD_S=%d", RRD_S);
    found = found + $value$plusargs("dram_RRD_L=%d", RRD_L);
    found = found + $value$plusargs("dram_FAW=%d", FAW);
    found = found + $value$plusargs("dram_CCD_S=%d", CCD_S);
    found = found + $value$plusargs("dram_CCD_L=%d", CCD_L);
    found = found + $value$plusargs("dram_RTP=%d", RTP);
    found = found + $value$plusargs("dram_WR=%d", WR);
    found = found + $value$plusargs("dram_WTR_S=%d", WTR_S);
    found = found + $value$plusargs("dram_WTR_L=%d", WTR_L);
    found = found + $value$plusargs("dram_RTW=%d", RTW);
    found = found + $value$plusargs("dram_REFI=%d", REFI);
    found = found + $value$plusargs("dram_RFC=%d", RFC);
    if (found != 27) begin
      $display("npu_dram: expected 27 plus arguments, found %0d", found);
      $fatal;
    end
    shared_o      = shared != 0;
    access_log2_o = 6'(access_log2);
    banks         = 1 << (bank_log2 + group_log2);
  end

  // Time: of the NPU in cycles, of the DRAM in ticks.

  logic [31:0] time_q;
  logic signed [63:0] tick_q;
  logic [63:0] phase_q;

  // Bursts in the order of arrival; how far both pointers are: a burst and an access of it.

  logic [31:0] first_q[BURSTS];   // number of its first access
  logic [31:0] count_q[BURSTS];   // accesses
  logic [1:0]  port_q[BURSTS];
  logic signed [63:0] since_q[BURSTS];  // tick of the arrival
  logic [31:0] tail_q, front_q, front_access_q, back_q, back_access_q;

  // Commands so far.

  logic [BANKS_MOST-1:0] open_q;
  logic [31:0] row_q[BANKS_MOST];
  logic [31:0] waiting_q[BANKS_MOST];        // accesses between the pointers
  logic signed [63:0] bank_act_q[BANKS_MOST], bank_pre_q[BANKS_MOST];
  logic signed [63:0] bank_rd_q[BANKS_MOST], bank_written_q[BANKS_MOST];
  logic signed [63:0] group_act_q[GROUPS_MOST], group_rd_q[GROUPS_MOST];
  logic signed [63:0] group_wr_q[GROUPS_MOST], group_written_q[GROUPS_MOST];
  logic signed [63:0] act_q[4];              // the last four, latest first
  logic signed [63:0] rd_q, wr_q, written_q, ref_q, command_q, due_q;

  // Accesses that have their data: in the DRAM's time, then in that of the NPU.

  logic signed [63:0] done_q[PORTS*ACCESSES];
  logic [31:0] cycle_q[PORTS*ACCESSES];
  logic [31:0] pushed_q[PORTS], seen_q[PORTS], arrived_q[PORTS];

  integer i, port;
  logic [31:0] number, last;
  logic [7:0] slot;
  logic [5:0] bank;
  logic [2:0] group;
  logic [31:0] row;
  logic free, goes;

  task decode(input logic [31:0] access);
    number = access;
    group  = 3'(number & ((32'd1 << group_log2) - 1));
    row    = number >> (group_log2 + column_log2);
    bank   = 6'((row & ((32'd1 << bank_log2) - 1)) << group_log2) | 6'(group);
    row    = row >> bank_log2;
  endtask

  // RD or WR of the access that the back pointer stands at.
  task column_command;
    if (back_q != front_q || back_access_q != front_access_q) begin
      slot = back_q[7:0];
      decode(first_q[slot] + back_access_q);
      port = int'(port_q[slot]);
      free = tick_q - bank_act_q[bank] >= 64'(RCD);
      if (port == ST)
        free = free && tick_q - wr_q >= 64'(CCD_S) && tick_q - group_wr_q[group] >= 64'(CCD_L) &&
            tick_q - rd_q >= 64'(RTW);
      else
        free = free && tick_q - rd_q >= 64'(CCD_S) && tick_q - group_rd_q[group] >= 64'(CCD_L) &&
            tick_q - written_q >= 64'(WTR_S) && tick_q - group_written_q[group] >= 64'(WTR_L);
      if (free) begin
        if (port == ST) begin
          wr_q                   = tick_q;
          group_wr_q[group]      = tick_q;
          written_q              = tick_q + 64'(CWL) + 64'(BL);
          group_written_q[group] = written_q;
          bank_written_q[bank]   = written_q;
          done_q[port*ACCESSES+int'(pushed_q[port]%ACCESSES)] = written_q;
        end else begin
          rd_q              = tick_q;
          group_rd_q[group] = tick_q;
          bank_rd_q[bank]   = tick_q;
          done_q[port*ACCESSES+int'(pushed_q[port]%ACCESSES)] = tick_q + 64'(CL) + 64'(BL);
        end
        pushed_q[port]  = pushed_q[port] + 1;
        waiting_q[bank] = waiting_q[bank] - 1;
        back_access_q   = back_access_q + 1;
        if (back_access_q == count_q[slot]) begin
          back_access_q = '0;
          back_q        = back_q + 1;
        end
      end
    end
  endtask

  // Whether all that PRE of a bank asks for is over.
  function automatic logic may_precharge(input integer of);
    may_precharge = waiting_q[of] == '0 && tick_q - bank_act_q[of] >= 64'(RAS) &&
        tick_q - bank_rd_q[of] >= 64'(RTP) && tick_q - bank_written_q[of] >= 64'(WR);
  endfunction

  // Whether a closed bank is ready for ACT, or for REF.
  function automatic logic is_precharged(input integer of);
    is_precharged = tick_q - bank_pre_q[of] >= 64'(RP) && tick_q - bank_act_q[of] >= 64'(RC) &&
        tick_q - ref_q >= 64'(RFC);
  endfunction

  task refresh_command;
    free = tick_q > command_q && tick_q >= due_q;
    if (open_q != '0) begin
      for (i = 0; i < banks; i = i + 1) if (open_q[i]) free = free && may_precharge(i);
      if (free) begin
        for (i = 0; i < banks; i = i + 1) if (open_q[i]) bank_pre_q[i] = tick_q;
        open_q    = '0;
        command_q = tick_q;
      end
    end else begin
      for (i = 0; i < banks; i = i + 1) free = free && is_precharged(i);
      if (free) begin
        ref_q     = tick_q;
        command_q = tick_q;
        due_q     = due_q + 64'(REFI);
      end
    end
  endtask

  // PRE, ACT or REF for what the front pointer stands at, which goes beyond accesses to open rows.
  task row_command;
    goes = 1'b1;
    while (goes) begin
      goes = 1'b0;
      slot = front_q[7:0];
      if (front_q == tail_q ? tick_q >= due_q : since_q[slot] >= due_q) refresh_command;
      else if (front_q != tail_q) begin
        decode(first_q[slot] + front_access_q);
        if (open_q[bank] && row_q[bank] == row) goes = 1'b1;
        else if (tick_q > command_q) begin
          if (open_q[bank]) begin
            if (may_precharge(int'(bank))) begin
              open_q[bank]     = 1'b0;
              bank_pre_q[bank] = tick_q;
              command_q        = tick_q;
            end
          end else if (is_precharged(int'(bank)) && tick_q - act_q[0] >= 64'(RRD_S) &&
              tick_q - group_act_q[group] >= 64'(RRD_L) && tick_q - act_q[3] >= 64'(FAW)) begin
            open_q[bank]       = 1'b1;
            row_q[bank]        = row;
            bank_act_q[bank]   = tick_q;
            group_act_q[group] = tick_q;
            for (i = 3; i > 0; i = i - 1) act_q[i] = act_q[i-1];
            act_q[0]           = tick_q;
            command_q          = tick_q;
            goes               = 1'b1;
          end
        end
        if (goes) begin
          waiting_q[bank] = waiting_q[bank] + 1;
          front_access_q  = front_access_q + 1;
          if (front_access_q == count_q[slot]) begin
            front_access_q = '0;
            front_q        = front_q + 1;
          end
        end
      end
    end
  endtask

  task start_of_run;
    time_q = '0;
    tick_q = '0;
    phase_q = '0;
    tail_q = '0;
    front_q = '0;
    front_access_q = '0;
    back_q = '0;
    back_access_q = '0;
    open_q = '0;
    for (i = 0; i < BANKS_MOST; i = i + 1) begin
      waiting_q[i] = '0;
      bank_act_q[i] = LONG_AGO;
      bank_pre_q[i] = LONG_AGO;
      bank_rd_q[i] = LONG_AGO;
      bank_written_q[i] = LONG_AGO;
    end
    for (i = 0; i < GROUPS_MOST; i = i + 1) begin
      group_act_q[i] = LONG_AGO;
      group_rd_q[i] = LONG_AGO;
      group_wr_q[i] = LONG_AGO;
      group_written_q[i] = LONG_AGO;
    end
    for (i = 0; i < 4; i = i + 1) act_q[i] = LONG_AGO;
    rd_q = LONG_AGO;
    wr_q = LONG_AGO;
    written_q = LONG_AGO;
    ref_q = LONG_AGO;
    command_q = LONG_AGO;
    due_q = 64'(REFI);
    for (i = 0; i < PORTS; i = i + 1) begin
      pushed_q[i] = '0;
      seen_q[i] = '0;
      arrived_q[i] = '0;
    end
  endtask

  always @(posedge clk_i) begin
    if (rst_i) start_of_run;
    else if (shared_o) begin
      phase_q = phase_q + 64'(ticks);
      while (phase_q >= 64'(cycles)) begin
        phase_q = phase_q - 64'(cycles);
        row_command;
        column_command;
        tick_q = tick_q + 1;
      end
      time_q = time_q + 1;
      for (port = 0; port < PORTS; port = port + 1) begin
        if (ask_i[port]) begin
          slot          = tail_q[7:0];
          number        = address_i[port*ADDRESS_BITS+:ADDRESS_BITS];
          last          = (number + 32'(bytes_i[port*16+:16]) - 1) >> access_log2;
          first_q[slot] = number >> access_log2;
          count_q[slot] = last - (number >> access_log2) + 1;
          port_q[slot]  = 2'(port);
          since_q[slot] = tick_q;
          tail_q        = tail_q + 1;
        end
        while (seen_q[port] != pushed_q[port] &&
            done_q[port*ACCESSES+int'(seen_q[port]%ACCESSES)] <= tick_q) begin
          cycle_q[port*ACCESSES+int'(seen_q[port]%ACCESSES)] = time_q + 32'(delay_cycles);
          seen_q[port] = seen_q[port] + 1;
        end
        while (arrived_q[port] != seen_q[port] &&
            cycle_q[port*ACCESSES+int'(arrived_q[port]%ACCESSES)] <= time_q)
          arrived_q[port] = arrived_q[port] + 1;
      end
    end
    for (i = 0; i < PORTS; i = i + 1) arrived_o[i*32+:32] <= rst_i ? '0 : arrived_q[i];
  end

endmodule

`default_nettype wire
