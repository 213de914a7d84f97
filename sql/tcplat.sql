-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze tcplat says of each capture: a row for each connection. conn
-- tells those of one capture apart.

-- Rows about connections. Of a slice those from before its window (early) say who is
-- there, and nothing of what ended meanwhile.
create or replace view tcp_rows as
with told as (
  select e.*, case when nanos(e.time) <= nanos(c.window_from) then 1 else 0 end as early,
    case when e.kind = 'tcp_close' or e.kind = 'tcp_connect' and e.error <> 0 then 1 when e.kind = 'tcp_connect' then 0 end as ends
  from events e join captures c on c.capture = e.capture
  where c.sources like '%"tcp"%' and (c.window_to is null or nanos(e.time) <= nanos(c.window_to))
    and e.kind in ('tcp_connect', 'tcp_accept', 'tcp_close', 'tcp_socket', 'tcp_reset', 'tcp_response', 'tcp_read', 'tcp_reply', 'tcp_fold', 'tcp_rtt')
), ended as (
  select t.capture as capture, t.conn as conn from told t where t.early = 1 and t.ends is not null
  group by t.capture, t.conn having max_by(t.ends, t.place) = 1
)
select t.* from told t left join ended x on x.capture = t.capture and x.conn = t.conn
where t.early = 0 or x.conn is null;

-- What is known of a connection: the last that rows say, but who used it first.
create or replace view connections as
with facts as (
  select r.capture as capture, r.conn as conn,
    -- Rows of reads and replies are of whoever read and sent.
    min_by(r.pid, r.place) filter (where r.pid <> 0 and r.kind not in ('tcp_read', 'tcp_reply')) as user,
    min_by(r.comm, r.place) filter (where r.comm <> '' and r.laddr is not null) as comm,
    max_by(r.laddr, r.place) filter (where r.laddr is not null) as laddr,
    max_by(r.lport, r.place) filter (where r.laddr is not null) as lport,
    max_by(r.raddr, r.place) filter (where r.laddr is not null) as raddr,
    max_by(r.rport, r.place) filter (where r.laddr is not null) as rport,
    max_by(r.direction, r.place) filter (where r.laddr is not null) as direction,
    max_by(r.socket_of, r.place) filter (where r.socket_of not in ('process', '')) as socket_of,
    max_by(r.connect_ns, r.place) filter (where r.kind = 'tcp_connect') as connect_ns,
    -- The kernel's figures are in rows of these kinds.
    max_by(r.srtt_ns, r.place) filter (where r.srtt_ns is not null and r.kind in ('tcp_close', 'tcp_socket')) as srtt_ns,
    max_by(r.min_rtt_ns, r.place) filter (where r.min_rtt_ns is not null and r.kind in ('tcp_close', 'tcp_socket')) as min_rtt_ns,
    max_by(r.retransmits, r.place) filter (where r.retransmits is not null) as retransmits,
    max_by(r.tx_bytes, r.place) filter (where r.tx_bytes is not null) as tx_bytes,
    max_by(r.rx_bytes, r.place) filter (where r.rx_bytes is not null) as rx_bytes,
    max_by(r.duration_ns, r.place) filter (where r.duration_ns is not null) as duration_ns,
    max(nanos(r.time)) filter (where r.kind in ('tcp_close', 'tcp_socket')) as told,
    max_by(r.ends, r.place) filter (where r.ends is not null) as ended,
    max_by(r.error, r.place) filter (where r.ends is not null) as error,
    max_by(r.tcp_state, r.place) filter (where r.kind = 'tcp_socket') as state,
    max(case when r.kind = 'tcp_reset' and r.reset_from = 'local' then 1 else 0 end) as aborted
  from tcp_rows r group by r.capture, r.conn
)
select f.*, f.user as pid, case
  when f.laddr is null then 'unknown'
  when f.ended = 1 and f.error = 0 and f.aborted = 1 then 'reset'
  when f.ended = 1 and f.error = 0 then 'closed'
  when f.ended = 1 and f.error = 111 then 'refused' -- ECONNREFUSED, as Linux numbers them
  when f.ended = 1 and f.error = 110 then 'timed out' -- ETIMEDOUT
  when f.ended = 1 and f.error in (104, 32) then 'reset' -- ECONNRESET, EPIPE
  when f.ended = 1 and f.error in (101, 113, 112, 100) then 'unreachable' -- ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENETDOWN
  when f.ended = 1 then 'failed'
  when f.state in ('fin_wait1', 'fin_wait2', 'closing', 'last_ack', 'time_wait') then 'closing'
  else 'open' end as outcome
from facts f where f.laddr is not null or f.user is not null;

-- How long the parts of a connection's turns took, and how many bytes they had.
-- Percentiles are by nearest rank: the least value that so many do not exceed. Of more
-- than 2,000 values, and of those that have no rows of their own, buckets count, as in
-- ebrec analyze.
create or replace view turns as
with parts as (
  select 'response' as part union all select 'ack' union all select 'tx' union all select 'read'
  union all select 'think' union all select 'rx' union all select 'rtt'
), measured as (
  select r.capture as capture, r.conn as conn, p.part as part, 1 as times, 0 as folded,
    wide(case p.part when 'response' then r.response_ns when 'ack' then nullif(r.ack_ns, 0) when 'tx' then r.turn_tx_bytes when 'read' then r.read_ns
      when 'think' then r.think_ns when 'rx' then r.turn_rx_bytes else case when r.kind = 'tcp_rtt' then r.srtt_ns end end) as v, wide(0) as largest
  from tcp_rows r cross join parts p where r.early = 0 and r.kind in ('tcp_response', 'tcp_read', 'tcp_reply', 'tcp_rtt')
  union all
  -- Each of these counts as their average.
  select r.capture, r.conn, case when r.turn_part in ('ack', 'read', 'think') then r.turn_part else 'response' end, r.turns, 1, quotient(r.sum_ns, r.turns), wide(r.largest_ns)
  from tcp_rows r where r.early = 0 and r.kind = 'tcp_fold' and r.turns > 0
), counted as (
  select m.*, sum(times) over (partition by capture, conn, part) as n, max(folded) over (partition by capture, conn, part) as any_folded
  from measured m where v is not null
), bucketed as (
  select c.capture as capture, c.conn as conn, c.part as part, c.n as n, c.times as times, greatest(c.v, c.largest) as largest,
    case when c.n > 2000 or c.any_folded = 1 then bucket_middle(c.v) else c.v end as v
  from counted c
), ranked as (
  select b.*, sum(times) over (partition by capture, conn, part order by v rows between unbounded preceding and current row) as up_to
  from bucketed b
), sums as (
  select r.capture as capture, r.conn as conn, r.part as part, r.n as n, max(r.largest) as most,
    min(case when cast(r.up_to as double) >= cast(0.5 as double) * r.n then r.v end) as p50,
    min(case when cast(r.up_to as double) >= cast(0.99 as double) * r.n then r.v end) as p99
  from ranked r group by r.capture, r.conn, r.part, r.n
)
-- Where the last value is meant it is exact.
select s.capture as capture, s.conn as conn, s.part as part, s.n as n, s.most as most,
  case when s.n < 2 then s.most else least(s.p50, s.most) end as p50, case when s.n < 100 then s.most else least(s.p99, s.most) end as p99
from sums s;

-- Figures are those of the end: the connection closed, or was listed within 250 ms before.
create or replace view tcplat as
with settled as (
  select f.capture as capture, f.conn as conn, f.srtt_ns as srtt_ns, f.min_rtt_ns as min_rtt_ns, f.retransmits as retransmits, f.tx_bytes as tx_bytes,
    f.rx_bytes as rx_bytes, f.duration_ns as duration_ns
  from connections f join captures c on c.capture = f.capture where f.ended = 1 or nanos(c.stop) - f.told <= 250000000
), parts as (
  select t.capture as capture, t.conn as conn, max(case when t.part = 'response' then t.n end) as requests,
    max(case when t.part = 'ack' then t.p50 end) as ack_p50_ns,
    max(case when t.part = 'response' then t.p50 end) as response_p50_ns, max(case when t.part = 'response' then t.p99 end) as response_p99_ns,
    max(case when t.part = 'response' then t.most end) as response_max_ns,
    max(case when t.part = 'read' then t.p50 end) as read_p50_ns, max(case when t.part = 'read' then t.p99 end) as read_p99_ns,
    max(case when t.part = 'read' then t.most end) as read_max_ns,
    max(case when t.part = 'think' then t.p50 end) as think_p50_ns, max(case when t.part = 'think' then t.p99 end) as think_p99_ns,
    max(case when t.part = 'think' then t.most end) as think_max_ns,
    max(case when t.part = 'tx' then t.p50 end) as turn_tx_p50_bytes, max(case when t.part = 'tx' then t.most end) as turn_tx_max_bytes,
    max(case when t.part = 'rx' then t.p50 end) as turn_rx_p50_bytes, max(case when t.part = 'rx' then t.most end) as turn_rx_max_bytes,
    max(case when t.part = 'rtt' then t.p50 end) as srtt_p50_ns, max(case when t.part = 'rtt' then t.most end) as srtt_max_ns
  from turns t group by t.capture, t.conn
)
select c.capture as capture, c.host as host, f.conn as conn, f.pid as pid, f.comm as comm, f.laddr as laddr, f.lport as lport, f.raddr as raddr, f.rport as rport,
  coalesce(f.direction, 'unknown') as direction, f.socket_of as socket_of, f.connect_ns as connect_ns, coalesce(p.requests, 0) as requests,
  p.ack_p50_ns as ack_p50_ns, p.response_p50_ns as response_p50_ns, p.response_p99_ns as response_p99_ns, p.response_max_ns as response_max_ns,
  p.read_p50_ns as read_p50_ns, p.read_p99_ns as read_p99_ns, p.read_max_ns as read_max_ns,
  p.think_p50_ns as think_p50_ns, p.think_p99_ns as think_p99_ns, p.think_max_ns as think_max_ns,
  p.turn_tx_p50_bytes as turn_tx_p50_bytes, p.turn_tx_max_bytes as turn_tx_max_bytes, p.turn_rx_p50_bytes as turn_rx_p50_bytes, p.turn_rx_max_bytes as turn_rx_max_bytes,
  s.srtt_ns as srtt_ns, p.srtt_p50_ns as srtt_p50_ns, p.srtt_max_ns as srtt_max_ns, s.min_rtt_ns as min_rtt_ns,
  s.retransmits as retransmits, s.tx_bytes as tx_bytes, s.rx_bytes as rx_bytes, s.duration_ns as duration_ns, f.outcome as outcome
from connections f join captures c on c.capture = f.capture left join settled s on s.capture = f.capture and s.conn = f.conn left join parts p on p.capture = f.capture and p.conn = f.conn;
