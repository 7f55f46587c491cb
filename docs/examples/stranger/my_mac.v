// A combinational multiply-accumulate that saturates: no clock, no handshake, our own contract.
`default_nettype none

module my_mac (
    input  wire signed [7:0]  a,
    input  wire signed [7:0]  b,
    input  wire signed [19:0] c,
    output wire signed [19:0] y
);
  localparam signed [20:0] MOST  = 21'sd524287;
  localparam signed [20:0] LEAST = -21'sd524288;

  wire signed [20:0] sum = a * b + c;

  assign y = (sum > MOST) ? MOST[19:0] : (sum < LEAST) ? LEAST[19:0] : sum[19:0];
endmodule

`default_nettype wire
