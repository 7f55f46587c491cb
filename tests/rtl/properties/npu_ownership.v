  // Any one bank, and all of them, seen by each engine: LD 0, MX 1, EP 2, ST 3.
  (* anyconst *) wire [4:0] bank;
  reg [ENGINES-1:0] refused, clash;
  integer i, j;

  always @(*) begin
    assume (bank < CLAIM_BITS);
    refused = 0;
    clash   = 0;
    for (i = 0; i < ENGINES; i = i + 1) begin
      for (j = 0; j < ENGINES; j = j + 1) begin
        if (i != j && head_i[i*CLAIM_BITS+bank]) begin
          if (running_i[j*CLAIM_BITS+bank]) refused[i] = 1;
          if (j < i && attempt_i[j] && head_i[j*CLAIM_BITS+bank]) refused[i] = 1;
        end
        if (i != j) begin
          if ((head_i[i*CLAIM_BITS+:CLAIM_BITS] & running_i[j*CLAIM_BITS+:CLAIM_BITS]) != 0)
            clash[i] = 1;
          if (j < i && attempt_i[j] &&
              (head_i[i*CLAIM_BITS+:CLAIM_BITS] & head_i[j*CLAIM_BITS+:CLAIM_BITS]) != 0)
            clash[i] = 1;
        end
      end
    end
    // A bank that is held or comes first is refused, and nothing else is.
    assert ((refused & ~conflict_o) == 0);
    assert (conflict_o == clash);
  end
