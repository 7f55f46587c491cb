// ulx3s: npu_board on a Radiona ULX3S (LFE5U-85F), at its oscillator's 25 MHz, 1,000,000 baud.
//
//   reset: 15 clocks after the configuration, and while button 1 is pressed
//
// Pins: ulx3s.lpf. Law: docs/board.md

`default_nettype none

module npu_ulx3s #(
    `include "generated/npu_parameters.vh"
    parameter int MEMORY_BYTES = 262144
) (
    input  wire       clk_25mhz,
    input  wire       ftdi_txd,  // the host's bytes
    output wire       ftdi_rxd,
    input  wire       btn_1,     // reset
    output wire [1:0] led,       // 0: a program runs; 1: it has ended
    output wire       wifi_gpio0 // high: the ESP32 beside the FPGA leaves the board alone
);

  localparam int CLOCKS_PER_BIT = 25;

  assign wifi_gpio0 = 1'b1;

  logic [3:0] wait_q;
  initial wait_q = '0;  // what a configuration begins with
  logic button_q;
  wire rst = button_q || !(&wait_q);

  always_ff @(posedge clk_25mhz) button_q <= btn_1;

  always @(posedge clk_25mhz) begin  // beside an initial block no always_ff is allowed
    if (!(&wait_q)) wait_q <= wait_q + 1'b1;
  end

  npu_board #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT),
      .MEMORY_BYTES  (MEMORY_BYTES),
      `include "generated/npu_parameters_pass.vh"
  ) board (
      .clk_i    (clk_25mhz),
      .rst_i    (rst),
      .rx_i     (ftdi_txd),
      .tx_o     (ftdi_rxd),
      .irq_o    (led[1]),
      .running_o(led[0])
  );

endmodule

`default_nettype wire
