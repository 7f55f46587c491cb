// board_bench: npu_board at the end of a serial line whose other end is the simulator's own input.
//
// | token | then   | does                                                             |
// |-------|--------|------------------------------------------------------------------|
// | "w"   | a byte | goes over the line                                               |
// | "r"   |        | prints "= HH", the next byte that comes, when it has come        |
// | "b"   |        | holds the line low for BREAK_BITS bits                           |
//
// Its own end of the line is no npu_uart: it samples in the middle of a bit by itself. The end of
// the input ends the simulation, and so does an answer that takes longer than `cycles_most`.
//
// Law: docs/board.md. Simulation only.

`default_nettype none

module npu_board_bench #(
    `include "generated/npu_parameters.vh"
    parameter int CLOCKS_PER_BIT = 4,
    parameter int MEMORY_BYTES   = 65536
) ();

  localparam int STDIN = 32'h8000_0000;
  localparam int BREAK_BITS = 24;
  localparam int PLACES = 65536;

  logic clk, rst, rx;
  wire tx, irq, running;
  wire unused = &{1'b0, irq, running};

  npu_board #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT),
      .MEMORY_BYTES  (MEMORY_BYTES),
      `include "generated/npu_parameters_pass.vh"
  ) board (
      .clk_i    (clk),
      .rst_i    (rst),
      .rx_i     (rx),
      .tx_o     (tx),
      .irq_o    (irq),
      .running_o(running)
  );

  always #1 clk = !clk;

  task static put(input logic level, input integer bits);
    rx = level;
    repeat (bits * CLOCKS_PER_BIT) @(posedge clk);
  endtask

  // What the board sends.

  logic [7:0] came[PLACES];
  integer written, given, cycles;

  always begin : take
    logic [7:0] value;
    @(posedge clk);
    if (!rst && !tx) begin
      repeat (CLOCKS_PER_BIT / 2) @(posedge clk);
      for (int i = 0; i < 8; i = i + 1) begin
        repeat (CLOCKS_PER_BIT) @(posedge clk);
        value[i] = tx;
      end
      repeat (CLOCKS_PER_BIT) @(posedge clk);
      if (!tx) begin
        $display("npu_board_bench: expected a stop bit");
        $finish;
      end
      came[written%PLACES] = value;
      written = written + 1;
    end
  end

  // What the input asks for.

  integer token, value, found, cycles_most;

  initial begin
    found = $value$plusargs("cycles_most=%d", cycles_most);
    if (found != 1) begin
      $display("npu_board_bench: expected plus argument cycles_most");
      $fatal;
    end
    clk     = 1'b0;
    rst     = 1'b1;
    rx      = 1'b1;
    written = 0;
    given   = 0;
    repeat (8) @(posedge clk);
    rst = 1'b0;
    repeat (4 * CLOCKS_PER_BIT) @(posedge clk);
    token = $fgetc(STDIN);
    while (token >= 0) begin
      case (token[7:0])
        "w": begin
          value = $fgetc(STDIN);
          put(1'b0, 1);
          for (int i = 0; i < 8; i = i + 1) put(value[i], 1);
          put(1'b1, 1);
        end
        "r": begin
          cycles = 0;
          while (given == written && cycles <= cycles_most) begin
            @(posedge clk);
            cycles = cycles + 1;
          end
          if (given == written) begin
            $display("npu_board_bench: no answer in %0d cycles", cycles_most);
            $finish;
          end
          $display("= %02x", came[given%PLACES]);
          $fflush;
          given = given + 1;
        end
        "b": begin
          put(1'b0, BREAK_BITS);
          put(1'b1, 2);
        end
        default: begin
          $display("npu_board_bench: unknown token %02x", token);
          $finish;
        end
      endcase
      token = $fgetc(STDIN);
    end
    $finish;
  end

endmodule

`default_nettype wire
