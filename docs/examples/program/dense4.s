; y = clamp(round((W x + b) M / 2^s) + zero_point): four inputs, four outputs, on nano
; regions: 0 the input, 1 the weights, 2 the constants, 3 the output

LD target=ACT plain=1 region=0 address=0 banks=0x1 columns=1 rows=1 blocks=1
LD target=WGT region=1 address=0 banks=0x1 columns=4 rows=1 blocks=1
LD target=PAR region=2 address=0 banks=0x1 columns=4 rows=1 blocks=1 signal_next=1

; loops of MAC: one pixel, a 1 x 1 kernel, one block of inputs and one of outputs
CFG engine=MX index=mac_x mac_x.count=1 mac_y.count=1 mac_kw.count=1
CFG engine=MX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=1
CFG engine=MX index=mac_tile mac_tile.rows=4 mac_tile.row_end=4 mac_format.format=uniform mac_format.bits=8 mac_format.zero_point=-3
; loops of RQ: one term (vec_kx), one pixel, one block
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=1
CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1
CFG engine=EP index=rq_output rq_output.zero_point=5 rq_output.low=-128 rq_output.high=127 rq_mode.rounding=half_up

MAC wait_prev=1 signal_next=1 act=0 wgt=0 acc=0 read_banks=0x1 wgt_banks=0x1 acc_banks=0x1
; the output goes to bank 1, which begins at word 256
RQ wait_prev=1 signal_next=1 acc=0 acc_banks=0x1 par=0 par_banks=0x1 out=256 write_banks=0x2

CFG engine=ST index=element element.beats=1
ST wait_prev=1 region=3 address=256 banks=0x2 columns=1 rows=1 blocks=1
HALT code=42
