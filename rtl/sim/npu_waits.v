// waits: the wait sequence of one channel of the deterministic memory.
//
//   free_o: since the handshake before, 1 + w(k) cycles have passed;  w(0) = 0
//   w(k) = low 3 bits of the LFSR after k steps; always 0 where lfsr_i is 0
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_waits (
    input  wire         clk_i,
    input  wire         rst_i,       // held from reset to the start of a run
    input  wire         lfsr_i,
    input  wire  [15:0] seed_i,      // of this channel, not 0
    input  wire         handshake_i,
    output wire         free_o
);

  logic [15:0] lfsr_q;
  logic [2:0]  wait_q;

  wire bit_in = lfsr_q[0] ^ lfsr_q[2] ^ lfsr_q[3] ^ lfsr_q[5];
  wire [15:0] next = {bit_in, lfsr_q[15:1]};

  assign free_o = wait_q == '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      lfsr_q <= seed_i;
      wait_q <= '0;
    end else if (handshake_i) begin
      lfsr_q <= next;
      wait_q <= lfsr_i ? next[2:0] : 3'd0;
    end else if (wait_q != '0) wait_q <= wait_q - 1'b1;
  end

endmodule

`default_nettype wire
