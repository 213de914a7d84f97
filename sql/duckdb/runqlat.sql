-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze runqlat says of each capture: a row for each process, and one
-- for all, which has neither pid nor tid.

-- Who had a thread id: from a row that says it to the next.
create or replace view holders as
with rows as (
  select capture, time, seq, kind, tid, coalesce(pid, 0) as pid, start, coalesce(comm, '') as comm, reason
  from events where kind in ('task', 'fork', 'exec', 'exit', 'thread_start')
), all_rows as (
  select capture, time, seq, tid, pid, start, comm from rows
  union all
  -- Who was there at the beginning is listed a little later.
  select capture, '-infinity'::timestamptz_ns, -1, tid, pid, start, comm from rows where kind = 'task' and reason in ('snapshot', 'exiting')
  qualify row_number() over (partition by capture, tid order by time, seq) = 1
)
select capture, tid, pid, start, comm, row_number() over w as number, time, seq,
  lead(time, 1, 'infinity'::timestamptz_ns) over w as until_time, lead(seq, 1, 0) over w as until_seq
from all_rows window w as (partition by capture, tid order by time, seq);

-- Each time that a thread left a CPU: how long it had waited for it, since when it
-- was there, and who should have been if no switch is missing.
create or replace view stays as
with recorded as (
  select capture, contains(sources, '"wakeups"') as wakeups from captures where contains(sources, '"sched"')
), switches as (
  select e.capture, e.time, e.seq, r.wakeups, e.tid, e.next_tid, e.delay_ns, e.preempted <> 0 as preempted,
    lag(e.time) over w as since, lag(e.next_tid) over w as expected
  from events e join recorded r on r.capture = e.capture where e.kind = 'sched_switch'
  window w as (partition by e.capture, e.cpu order by e.time, e.seq)
), steps as (
  select capture, tid, time, seq, 1 as part, 'leaves' as step, preempted from switches where wakeups and tid <> 0
  union all
  select capture, next_tid, time, seq, 2, 'comes', false from switches where wakeups and next_tid <> 0
  union all
  select e.capture, e.woken_tid, e.time, e.seq, 0, 'wakes', null
  from events e join recorded r on r.capture = e.capture where r.wakeups and e.kind = 'sched_waking'
), comings as (
  -- What left its CPU while runnable waits since then, whoever wakes it.
  select *, case when step = 'comes' and lag(step) over w = 'wakes'
    and not coalesce(last_value(preempted ignore nulls) over (w rows between unbounded preceding and 1 preceding), false)
    then lag(time) over w end as woken
  from steps window w as (partition by capture, tid order by time, seq, part)
), leavings as (
  select capture, seq, step, lag(woken) over (partition by capture, tid order by time, seq, part) as woken from comings
)
-- The kernel's counter may hold sleep of a thread that it moved to another queue:
-- no wait is longer than it is since the wakeup.
select s.capture, s.tid, s.time, s.seq, s.since, s.expected,
  case when l.woken is null then s.delay_ns else least(s.delay_ns, greatest(0, epoch_ns(s.since) - epoch_ns(l.woken))) end::ubigint as wait_ns
from switches s left join leavings l on l.capture = s.capture and l.seq = s.seq and l.step = 'leaves' and l.woken is not null
where s.tid <> 0;

-- The waits that count, and whose they are: those of a process are together; where
-- nobody knows that, those of a thread.
create or replace view waits as
select s.capture, coalesce(t.pid, 0) as pid, case when coalesce(t.pid, 0) = 0 then s.tid else 0 end as tid, l.start,
  t.comm, t.number, l.comm as leader_comm, l.number as leader_number, s.time, s.seq, s.wait_ns
from stays s join captures c on c.capture = s.capture
left join holders t on t.capture = s.capture and t.tid = s.tid
  and (t.time, t.seq) < (s.time, s.seq) and (s.time, s.seq) < (t.until_time, t.until_seq)
left join holders l on l.capture = s.capture and l.tid = coalesce(t.pid, 0)
  and (l.time, l.seq) < (s.time, s.seq) and (s.time, s.seq) < (l.until_time, l.until_seq)
left join holders x on x.capture = s.capture and x.tid = s.expected and s.expected <> s.tid
  and (x.time, x.seq) < (s.time, s.seq) and (s.time, s.seq) < (x.until_time, x.until_seq)
where s.since is not null -- the first wait on a CPU is not known
  -- Another than expected: switches are missing, but for those that a filter left out.
  and (s.expected = s.tid or t.tid is null and x.tid is null)
  and (t.tid is not null or c.filter = '')
  and (c.window_from is null or s.time > c.window_from) and (c.window_to is null or s.time <= c.window_to);

create or replace view runqlat as
with counted as (
  select * from waits
), sums as (
  -- Of all together pid is null.
  select capture, pid, tid, start, count(*) as n, sum(wait_ns) as total_ns, max(wait_ns) as max_ns,
    case when pid is null then 'all' when pid = 0 then coalesce(arg_max(comm, number), '')
      else coalesce(arg_max(leader_comm, leader_number), arg_min(comm, row(time, seq)) filter (leader_number is null)) end as comm
  from counted group by grouping sets ((capture, pid, tid, start), (capture))
), lengths as (
  select s.capture, s.pid, s.tid, s.start, s.n, case when s.n > 2000 then bucket_middle(c.wait_ns) else c.wait_ns end as ns, count(*) as waits
  from sums s join counted c on c.capture = s.capture and c.pid = s.pid and c.tid = s.tid and c.start is not distinct from s.start group by all
  union all
  select s.capture, s.pid, s.tid, s.start, s.n, case when s.n > 2000 then bucket_middle(c.wait_ns) else c.wait_ns end as ns, count(*)
  from sums s join counted c on c.capture = s.capture where s.pid is null group by all
), ranks as (
  select *, sum(waits) over (partition by capture, pid, tid, start order by ns) as up_to from lengths
), percentiles as (
  select capture, pid, tid, start,
    min(ns) filter (up_to >= nearest_rank(50, n)) as p50_ns,
    min(ns) filter (up_to >= nearest_rank(90, n)) as p90_ns,
    min(ns) filter (up_to >= nearest_rank(99, n)) as p99_ns
  from ranks group by capture, pid, tid, start
)
select c.capture, c.host, nullif(s.pid, 0) as pid, nullif(s.tid, 0) as tid, s.start, coalesce(s.comm, 'all') as comm,
  coalesce(s.n, 0) as waits, coalesce(s.total_ns, 0) as total_ns, s.total_ns // s.n as average_ns,
  percentile(50, s.n, p.p50_ns, s.max_ns) as p50_ns, percentile(90, s.n, p.p90_ns, s.max_ns) as p90_ns,
  percentile(99, s.n, p.p99_ns, s.max_ns) as p99_ns, s.max_ns
from captures c left join sums s on s.capture = c.capture
left join percentiles p on p.capture = s.capture
  and p.pid is not distinct from s.pid and p.tid is not distinct from s.tid and p.start is not distinct from s.start
where contains(c.sources, '"sched"');
