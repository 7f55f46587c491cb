// A requantizer in SystemVerilog with a package, typedefs and an enum: two's complement in, uint8
// out, rounded half to even. Asynchronous reset, ready as a clock enable.
package requantizer_pkg;
  typedef logic signed [31:0] acc_t;
  typedef logic [30:0] multiplier_t;
  typedef enum logic [1:0] {
    DOWN = 2'd0,
    EVEN = 2'd1,
    UP   = 2'd2
  } direction_e;
  typedef struct packed {
    logic signed [63:0] total;
    logic [5:0] shift;
    logic [7:0] zero_point;
  } stage_t;

  function automatic direction_e direction(input logic [63:0] rest, input logic [5:0] shift);
    logic [63:0] half;
    if (shift == 0) return DOWN;
    half = 64'd1 << (shift - 6'd1);
    return rest < half ? DOWN : rest == half ? EVEN : UP;
  endfunction
endpackage

module package_requantizer
  import requantizer_pkg::*;
(
    input logic clk,
    input logic rst_n,
    input logic ready,
    input logic valid,
    input acc_t acc,
    input multiplier_t multiplier,
    input logic signed [47:0] bias,
    input logic [5:0] shift,
    input logic [7:0] zero_point,
    output logic done,
    output logic [7:0] y
);
  stage_t stage;
  logic staged;
  logic signed [63:0] quotient, rest;
  logic signed [63:0] moved;

  always_comb begin
    quotient = stage.total >>> stage.shift;
    rest = stage.total - (quotient <<< stage.shift);
    unique case (direction(
        rest, stage.shift
    ))
      UP: moved = quotient + 1;
      EVEN: moved = quotient + (quotient & 64'sd1);
      default: moved = quotient;
    endcase
    moved = moved + $signed({1'b0, stage.zero_point});
  end

  always_ff @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      staged <= 1'b0;
      done   <= 1'b0;
    end else if (ready) begin
      staged <= valid;
      done   <= staged;
    end
  end

  always_ff @(posedge clk) begin
    if (ready) begin
      stage.total <= acc * $signed({1'b0, multiplier}) + 64'(bias);
      stage.shift <= shift;
      stage.zero_point <= zero_point;
      y <= moved < 0 ? 8'd0 : moved > 255 ? 8'd255 : moved[7:0];
    end
  end
endmodule
