  // Any one bank, written out for each pair of engines: LD 0, EX 1, ST 2.
  (* anyconst *) wire [3:0] bank;
  wire [2:0] wants = {head_i[32+bank], head_i[16+bank], head_i[bank]};
  wire [2:0] holds = {running_i[32+bank], running_i[16+bank], running_i[bank]};
  wire [2:0] comes = wants & attempt_i;

  reg [2:0] clash;
  integer b;

  always @(*) begin
    // A bank that is held or comes first is refused ...
    if (wants[0] && (holds[1] || holds[2])) assert (conflict_o[0]);
    if (wants[1] && (holds[0] || holds[2] || comes[0])) assert (conflict_o[1]);
    if (wants[2] && (holds[0] || holds[1] || comes[0] || comes[1])) assert (conflict_o[2]);
    // ... and nothing else is.
    clash = 0;
    for (b = 0; b < CLAIM_BITS; b = b + 1) begin
      if (head_i[b] && (running_i[16+b] || running_i[32+b])) clash[0] = 1;
      if (head_i[16+b] && (running_i[b] || running_i[32+b])) clash[1] = 1;
      if (head_i[16+b] && attempt_i[0] && head_i[b]) clash[1] = 1;
      if (head_i[32+b] && (running_i[b] || running_i[16+b])) clash[2] = 1;
      if (head_i[32+b] && attempt_i[0] && head_i[b]) clash[2] = 1;
      if (head_i[32+b] && attempt_i[1] && head_i[16+b]) clash[2] = 1;
    end
    assert (conflict_o == clash);
  end
