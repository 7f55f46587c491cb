  // What dispatch and issue promise.
  always @(*) begin
    assume (!(push_i && full_o));
    assume (!(pop_i && !valid_o));
  end

  // One word, any of those written, is followed until it leaves.
  (* anyseq *) wire follow;
  reg followed_q;
  reg [WIDTH-1:0] value_q;
  reg [INDEX_BITS-1:0] place_q;
  wire [INDEX_BITS-1:0] ahead = place_q - head_q;
  wire [INDEX_BITS-1:0] held = tail_q - head_q;

  always @(posedge clk_i) begin
    if (rst_i) followed_q <= 1'b0;
    else if (followed_q && pop_i && head_q == place_q) followed_q <= 1'b0;
    else if (!followed_q && push_i && follow) begin
      followed_q <= 1'b1;
      value_q    <= data_i;
      place_q    <= tail_q;
    end
  end

  always @(*) begin
    assert (count_q <= DEPTH);
    assert (held == count_q[INDEX_BITS-1:0]);
    assert (full_o == (count_q == DEPTH));
    assert (valid_o == (count_q != 0));
    if (valid_o) assert (head_o == word_q[head_q]);
    if (followed_q) begin
      assert ({1'b0, ahead} < count_q);
      assert (word_q[place_q] == value_q);
      if (ahead == 0) assert (valid_o && head_o == value_q);
    end
  end
