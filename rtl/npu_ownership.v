// ownership: no bank serves two instructions at once.
//
//   conflict(e) = the head of e names a bank that another engine's running instruction names, or
//                 one that a lower-numbered engine names and would issue in the same cycle
//
// Law: docs/architecture.md, section 1 and "Faults" in section 4

`default_nettype none

module npu_ownership #(
    localparam int ENGINES    = 4,
    localparam int CLAIM_BITS = 20
) (
    input  wire  [ENGINES-1:0]            attempt_i,  // would issue in this cycle, and names banks
    input  wire  [ENGINES*CLAIM_BITS-1:0] head_i,     // claims of the heads
    input  wire  [ENGINES*CLAIM_BITS-1:0] running_i,  // claims of what runs; 0 where idle
    output wire  [ENGINES-1:0]            conflict_o
);

  genvar e, other;
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : engine
      wire [CLAIM_BITS-1:0] head = head_i[e*CLAIM_BITS+:CLAIM_BITS];
      wire [ENGINES-1:0] common;

      for (other = 0; other < ENGINES; other = other + 1) begin : against
        wire [CLAIM_BITS-1:0] running = running_i[other*CLAIM_BITS+:CLAIM_BITS];
        wire [CLAIM_BITS-1:0] coming  = head_i[other*CLAIM_BITS+:CLAIM_BITS];
        if (other == e) begin : gen_self
          wire unused = &{1'b0, running, coming};
          assign common[other] = 1'b0;
        end else if (other < e) begin : gen_lower
          assign common[other] = |(head & running) || (attempt_i[other] && |(head & coming));
        end else begin : gen_higher
          wire unused = &{1'b0, coming};
          assign common[other] = |(head & running);
        end
      end

      assign conflict_o[e] = |common;
    end
  endgenerate

  wire unused_attempt = &{1'b0, attempt_i[ENGINES-1]};

endmodule

`default_nettype wire
