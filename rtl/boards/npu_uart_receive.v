// uart_receive: a serial line -> bytes; 1 start bit, 8 bits from the lowest up, 1 stop bit.
//
//   bit n of a byte is the line (n + 1.5) * CLOCKS_PER_BIT clocks after the start bit's edge
//
// A stop bit that is low is no byte: `broken_o`, and nothing begins before the line is high again.
//
// Law: docs/board.md

`default_nettype none

module npu_uart_receive #(
    parameter int CLOCKS_PER_BIT = 25  // >= 2
) (
    input  wire        clk_i,
    input  wire        rst_i,
    input  wire        rx_i,      // of another clock
    output logic [7:0] byte_o,
    output logic       valid_o,   // for one clock
    output logic       broken_o   // for one clock: the line stayed low for a whole byte
);

  localparam int CLOCK_BITS = $clog2(CLOCKS_PER_BIT) + 1;
  localparam int STOP_BIT   = 9;

  generate
    if (CLOCKS_PER_BIT < 2) begin : gen_bad_clocks_per_bit
      npu_uart_receive_CLOCKS_PER_BIT_must_be_2_or_more bad_parameter ();
    end
  endgenerate

  logic unsafe_q, line_q;  // two registers: the first may take long to decide
  logic armed_q;           // the line has been high
  logic busy_q;
  logic [3:0] bit_q;       // 0: the start bit
  logic [CLOCK_BITS-1:0] clock_q;

  wire begins = !busy_q && armed_q && !line_q;
  wire sample = busy_q && clock_q == '0;
  wire ends   = sample && (bit_q == 4'(STOP_BIT) || (bit_q == '0 && line_q));

  always_ff @(posedge clk_i) begin
    unsafe_q <= rst_i || rx_i;
    line_q   <= rst_i || unsafe_q;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      armed_q  <= 1'b0;
      busy_q   <= 1'b0;
      valid_o  <= 1'b0;
      broken_o <= 1'b0;
    end else begin
      if (line_q) armed_q <= 1'b1;
      else if (begins) armed_q <= 1'b0;
      if (begins) busy_q <= 1'b1;
      else if (ends) busy_q <= 1'b0;
      valid_o  <= ends && bit_q == 4'(STOP_BIT) && line_q;
      broken_o <= ends && bit_q == 4'(STOP_BIT) && !line_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (begins) begin
      bit_q   <= '0;
      clock_q <= CLOCK_BITS'(CLOCKS_PER_BIT / 2 - 1);
    end else if (sample) begin
      bit_q   <= bit_q + 1'b1;
      clock_q <= CLOCK_BITS'(CLOCKS_PER_BIT - 1);
      if (bit_q != '0 && bit_q != 4'(STOP_BIT)) byte_o <= {line_q, byte_o[7:1]};
    end else clock_q <= clock_q - 1'b1;
  end

endmodule

`default_nettype wire
