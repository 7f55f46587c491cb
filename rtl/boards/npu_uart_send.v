// uart_send: bytes -> a serial line; 1 start bit, 8 bits from the lowest up, 1 stop bit.
//
//   a byte that is taken (valid_i and ready_o) is on the line for the next 10 * CLOCKS_PER_BIT clocks
//
// Law: docs/board.md

`default_nettype none

module npu_uart_send #(
    parameter int CLOCKS_PER_BIT = 25  // >= 2
) (
    input  wire        clk_i,
    input  wire        rst_i,
    input  wire  [7:0] byte_i,
    input  wire        valid_i,
    output wire        ready_o,
    output wire        tx_o
);

  localparam int CLOCK_BITS = $clog2(CLOCKS_PER_BIT) + 1;
  localparam int BITS       = 10;

  logic [BITS-1:0] line_q;  // what is to come, from the lowest up; ones behind it
  logic [3:0] left_q;       // bits
  logic [CLOCK_BITS-1:0] clock_q;

  assign ready_o = left_q == '0;
  assign tx_o    = line_q[0];

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      line_q <= '1;
      left_q <= '0;
    end else if (ready_o) begin
      if (valid_i) begin
        line_q <= {1'b1, byte_i, 1'b0};
        left_q <= 4'(BITS);
      end
    end else if (clock_q == '0) begin
      line_q <= {1'b1, line_q[BITS-1:1]};
      left_q <= left_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (ready_o || clock_q == '0) clock_q <= CLOCK_BITS'(CLOCKS_PER_BIT - 1);
    else clock_q <= clock_q - 1'b1;
  end

endmodule

`default_nettype wire
