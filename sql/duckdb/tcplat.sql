-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze tcplat says of each capture: a row for each connection. conn
-- tells those of one capture apart.

-- Rows about connections. Of a slice those from before its window say who is there,
-- and nothing of what ended meanwhile.
create or replace view tcp_rows as
with rows as (
  select e.*, row(e.time, e.seq) as place, coalesce(e.time <= c.window_from, false) as early, e.kind = 'tcp_close' or e.error <> 0 as ends
  from events e join captures c on c.capture = e.capture
  where contains(c.sources, '"tcp"') and (c.window_to is null or e.time <= c.window_to)
    and e.kind in ('tcp_connect', 'tcp_accept', 'tcp_close', 'tcp_socket', 'tcp_reset', 'tcp_response', 'tcp_read', 'tcp_reply', 'tcp_fold', 'tcp_rtt')
), ended as (
  select capture, conn, true as early from rows where early and kind in ('tcp_connect', 'tcp_close')
  group by capture, conn having arg_max(ends, place)
)
select * from rows anti join ended using (capture, conn, early);

create or replace view connections as
with facts as (
  select capture, conn,
    -- Rows with addresses know the owner better than others.
    coalesce(arg_max(pid, place) filter (laddr is not null and pid <> 0), arg_min(pid, place) filter (pid <> 0)) as pid,
    arg_min(comm, place) filter (comm <> '' and laddr is not null) as comm,
    arg_max(laddr, place) as laddr, arg_max(lport, place) as lport, arg_max(raddr, place) as raddr, arg_max(rport, place) as rport,
    coalesce(arg_max(direction, place), 'unknown') as direction, arg_max(socket_of, place) filter (socket_of not in ('process', '')) as socket_of,
    arg_max(connect_ns, place) as connect_ns,
    arg_max(srtt_ns, place) filter (kind in ('tcp_close', 'tcp_socket')) as srtt_ns,
    arg_max(min_rtt_ns, place) filter (kind in ('tcp_close', 'tcp_socket')) as min_rtt_ns,
    arg_max(retransmits, place) as retransmits, arg_max(tx_bytes, place) as tx_bytes, arg_max(rx_bytes, place) as rx_bytes, arg_max(duration_ns, place) as duration_ns,
    coalesce(arg_max(ends, place) filter (kind in ('tcp_connect', 'tcp_close')), false) as ended,
    arg_max(error, place) filter (kind in ('tcp_connect', 'tcp_close')) as error,
    bool_or(kind = 'tcp_reset' and reset_from = 'local') as aborted,
    arg_max(tcp_state, place) filter (kind = 'tcp_socket') in ('fin_wait1', 'fin_wait2', 'closing', 'last_ack', 'time_wait') as closing
  from tcp_rows group by capture, conn
)
select *, case
  when not ended and closing then 'closing'
  when not ended then 'open'
  when error = 0 and aborted then 'reset'
  when error = 0 then 'closed'
  when error = 111 then 'refused' -- ECONNREFUSED, as Linux numbers them
  when error = 110 then 'timed out' -- ETIMEDOUT
  when error in (104, 32) then 'reset' -- ECONNRESET, EPIPE
  when error in (101, 113, 112, 100) then 'unreachable' -- ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENETDOWN
  else 'failed' end as outcome
from facts;

-- Percentiles of what turns of a connection took, and of their bytes.
create or replace view turns as
with rows as (
  select * from tcp_rows where not early
), lengths as (
  select capture, conn, 'response' as part, response_ns as v, 1::ubigint as times, response_ns as largest, false as folded from rows where kind = 'tcp_response'
  union all
  select capture, conn, 'ack', ack_ns, 1, ack_ns, false from rows where kind = 'tcp_response' and ack_ns > 0
  union all
  select capture, conn, 'tx', turn_tx_bytes, 1, turn_tx_bytes, false from rows where kind = 'tcp_response' and turn_tx_bytes is not null
  union all
  select capture, conn, 'read', read_ns, 1, read_ns, false from rows where kind = 'tcp_read'
  union all
  select capture, conn, 'think', think_ns, 1, think_ns, false from rows where kind = 'tcp_reply'
  union all
  select capture, conn, 'rx', turn_rx_bytes, 1, turn_rx_bytes, false from rows where kind = 'tcp_reply' and turn_rx_bytes is not null
  union all
  select capture, conn, 'rtt', srtt_ns, 1, srtt_ns, false from rows where kind = 'tcp_rtt'
  union all
  -- Turns without rows of their own count as their average, in buckets.
  select capture, conn, turn_part, (sum_ns // turns)::ubigint, turns, greatest(largest_ns, sum_ns // turns), true from rows where kind = 'tcp_fold' and turns > 0
), sums as (
  select capture, conn, part, sum(times) as n, max(largest) as largest, bool_or(folded) or sum(times) > 2000 as in_buckets
  from lengths group by capture, conn, part
), kept as (
  select s.*, case when s.in_buckets then bucket_middle(l.v) else l.v end as v, sum(l.times) as times
  from lengths l join sums s on s.capture = l.capture and s.conn = l.conn and s.part = l.part group by all
), ranks as (
  select *, sum(times) over (partition by capture, conn, part order by v) as up_to from kept
)
select capture, conn, part, n,
  percentile(50, n, min(v) filter (up_to >= nearest_rank(50, n)), largest) as p50,
  percentile(99, n, min(v) filter (up_to >= nearest_rank(99, n)), largest) as p99, largest as most
from ranks group by capture, conn, part, n, largest;

create or replace view tcplat as
with parts as (
  select capture, conn, max(n) filter (part = 'response') as requests,
    max(p50) filter (part = 'ack') as ack_p50_ns,
    max(p50) filter (part = 'response') as response_p50_ns, max(p99) filter (part = 'response') as response_p99_ns, max(most) filter (part = 'response') as response_max_ns,
    max(p50) filter (part = 'read') as read_p50_ns, max(p99) filter (part = 'read') as read_p99_ns, max(most) filter (part = 'read') as read_max_ns,
    max(p50) filter (part = 'think') as think_p50_ns, max(p99) filter (part = 'think') as think_p99_ns, max(most) filter (part = 'think') as think_max_ns,
    max(p50) filter (part = 'tx') as turn_tx_p50_bytes, max(most) filter (part = 'tx') as turn_tx_max_bytes,
    max(p50) filter (part = 'rx') as turn_rx_p50_bytes, max(most) filter (part = 'rx') as turn_rx_max_bytes,
    max(p50) filter (part = 'rtt') as srtt_p50_ns, max(most) filter (part = 'rtt') as srtt_max_ns
  from turns group by capture, conn
)
select c.capture, m.host, c.conn, c.pid, c.comm, c.laddr, c.lport, c.raddr, c.rport, c.direction, c.socket_of, c.connect_ns,
  coalesce(p.requests, 0) as requests, p.* exclude (capture, conn, requests, srtt_p50_ns, srtt_max_ns),
  c.srtt_ns, p.srtt_p50_ns, p.srtt_max_ns, c.min_rtt_ns, c.retransmits, c.tx_bytes, c.rx_bytes, c.duration_ns, c.outcome
from connections c join captures m on m.capture = c.capture left join parts p on p.capture = c.capture and p.conn = c.conn;
