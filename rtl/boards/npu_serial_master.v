// serial_master: a protocol of bytes -> accesses as an AXI4-Lite master, one at a time.
//
// | command | then                              | answer                                        |
// |---------|-----------------------------------|-----------------------------------------------|
// | "W"     | address 4, count 2, count words   | status                                        |
// | "R"     | address 4, count 2                | count words, status                           |
// | "I"     |                                   | status, when the interrupt stands             |
//
// Numbers and words are little-endian, words of 4 bytes lie one behind the other from the address
// on. Status is 0; 1 where an access was answered with an error, or another byte (dropped) came
// before the interrupt. Any other command is ignored. A broken line ends what was begun.
//
// Law: docs/board.md

`default_nettype none

module npu_serial_master (
    input  wire         clk_i,
    input  wire         rst_i,

    // serial line
    input  wire  [7:0]  byte_i,
    input  wire         valid_i,    // always taken: the access before has ended by then
    input  wire         broken_i,
    output wire  [7:0]  byte_o,
    output wire         valid_o,
    input  wire         ready_i,

    // AXI4-Lite master
    output wire  [31:0] address_o,  // of both channels, held until the answer
    output logic        awvalid_o,
    input  wire         awready_i,
    output wire  [31:0] wdata_o,
    output logic        wvalid_o,
    input  wire         wready_i,
    input  wire  [1:0]  bresp_i,
    input  wire         bvalid_i,
    output wire         bready_o,
    output logic        arvalid_o,
    input  wire         arready_i,
    input  wire  [31:0] rdata_i,
    input  wire  [1:0]  rresp_i,
    input  wire         rvalid_i,
    output wire         rready_o,

    input  wire         irq_i
);

  localparam logic [7:0] COMMAND_WRITE = "W", COMMAND_READ = "R", COMMAND_INTERRUPT = "I";
  localparam int HEADER_BYTES = 6, WORD_BYTES = 4;

  typedef enum logic [2:0] {
    IDLE, HEADER, TAKE, WRITE, READ, GIVE, INTERRUPT, STATUS
  } state_t;

  state_t state_q;
  logic is_write_q, failed_q, broken_q;
  logic [2:0] byte_q;         // of the header or the word
  logic [47:0] header_q;      // count, address
  logic [31:0] word_q;

  wire [15:0] count = header_q[47:32];
  wire last = count == 16'd1;
  wire accesses = state_q == WRITE || state_q == READ;
  wire sent = valid_o && ready_i;

  assign address_o = header_q[31:0];
  assign wdata_o   = word_q;
  assign bready_o  = 1'b1;
  assign rready_o  = 1'b1;
  assign valid_o   = state_q == GIVE || state_q == STATUS;
  assign byte_o    = state_q == GIVE ? word_q[7:0] : {7'h0, failed_q};

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q   <= IDLE;
      broken_q  <= 1'b0;
      awvalid_o <= 1'b0;
      wvalid_o  <= 1'b0;
      arvalid_o <= 1'b0;
    end else if (broken_q && !accesses) begin
      state_q  <= IDLE;
      broken_q <= 1'b0;
    end else begin
      if (broken_i) broken_q <= 1'b1;
      if (awready_i) awvalid_o <= 1'b0;
      if (wready_i) wvalid_o <= 1'b0;
      if (arready_i) arvalid_o <= 1'b0;
      case (state_q)
        IDLE:
        if (valid_i) begin
          if (byte_i == COMMAND_WRITE || byte_i == COMMAND_READ) state_q <= HEADER;
          if (byte_i == COMMAND_INTERRUPT) state_q <= INTERRUPT;
        end
        HEADER:
        if (valid_i && byte_q == 3'(HEADER_BYTES - 1)) begin
          if ({byte_i, header_q[47:40]} == '0) state_q <= STATUS;
          else begin
            state_q   <= is_write_q ? TAKE : READ;
            arvalid_o <= !is_write_q;
          end
        end
        TAKE:
        if (valid_i && byte_q == 3'(WORD_BYTES - 1)) begin
          state_q   <= WRITE;
          awvalid_o <= 1'b1;
          wvalid_o  <= 1'b1;
        end
        WRITE: if (bvalid_i) state_q <= last ? STATUS : TAKE;
        READ: if (rvalid_i) state_q <= GIVE;
        GIVE:
        if (sent && byte_q == 3'(WORD_BYTES - 1)) begin
          state_q   <= last ? STATUS : READ;
          arvalid_o <= !last;
        end
        INTERRUPT: if (irq_i || valid_i) state_q <= STATUS;
        STATUS: if (sent) state_q <= IDLE;
        default: state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    case (state_q)
      IDLE: begin
        is_write_q <= byte_i == COMMAND_WRITE;
        failed_q   <= 1'b0;
        byte_q     <= '0;
      end
      HEADER:
      if (valid_i) begin
        header_q <= {byte_i, header_q[47:8]};
        byte_q   <= byte_q == 3'(HEADER_BYTES - 1) ? '0 : byte_q + 1'b1;
      end
      TAKE:
      if (valid_i) begin
        word_q <= {byte_i, word_q[31:8]};
        byte_q <= byte_q + 1'b1;
      end
      WRITE: begin
        byte_q <= '0;
        if (bvalid_i) begin
          header_q <= {count - 1'b1, address_o + 32'd4};
          failed_q <= failed_q || (|bresp_i);
        end
      end
      READ: begin
        byte_q <= '0;
        if (rvalid_i) begin
          word_q   <= rdata_i;
          failed_q <= failed_q || (|rresp_i);
        end
      end
      GIVE:
      if (sent) begin
        word_q <= {8'h0, word_q[31:8]};
        byte_q <= byte_q + 1'b1;
        if (byte_q == 3'(WORD_BYTES - 1)) header_q <= {count - 1'b1, address_o + 32'd4};
      end
      INTERRUPT: failed_q <= !irq_i;
      default: ;
    endcase
  end

endmodule

`default_nettype wire
