-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze runqlat says of each capture: a row for each process, and one
-- for all, which has neither pid nor tid.

-- Who had a thread id: from a row that says it until the next. Number counts them.
create or replace view holders as
with introduced as (
  select capture, place, tid, coalesce(pid, 0) as pid, start, coalesce(comm, '') as comm,
    case when kind = 'task' and reason in ('snapshot', 'exiting') then 1 else 0 end as listed
  from events where kind in ('task', 'fork', 'exec', 'exit', 'thread_start')
), numbered as (
  select i.*, row_number() over (partition by capture, tid, listed order by place) as number from introduced i
), times as (
  select 0 as early union all select 1
), told as (
  -- Who was there at the beginning is listed a little later: the first such row counts
  -- from the beginning, too.
  select n.capture as capture, case when t.early = 1 then wide(-1) else n.place end as place, n.tid as tid, n.pid as pid, n.start as start, n.comm as comm
  from numbered n cross join times t where t.early = 0 or n.listed = 1 and n.number = 1
)
select t.*, wide(row_number() over w) as number, lead(place, 1, wide(9223372036854775807) * 1099511627776) over w as until
from told t window w as (partition by capture, tid order by place);

-- Each time that a thread left a CPU: since when it was there, how long it had waited
-- for that, and who should have left if no switch is missing.
create or replace view stays as
with switches as (
  select capture, place, nanos(time) as instant, tid, next_tid, delay_ns, case when preempted <> 0 then 1 else 0 end as preempted,
    lag(nanos(time)) over w as since, lag(next_tid) over w as expected
  from events where kind = 'sched_switch' and capture in (select capture from captures where sources like '%"sched"%')
  window w as (partition by capture, cpu order by place)
), steps as (
  select s.capture as capture, s.tid as tid, s.place as place, s.instant as instant, 1 as part, 'leaves' as step, s.preempted as preempted from switches s
  union all
  select s.capture, s.next_tid, s.place, s.instant, 2, 'comes', 0 from switches s
  union all
  select capture, woken_tid, place, nanos(time), 0, 'wakes', 0 from events where kind = 'sched_waking'
), moves as (
  -- A move is a step that is no wakeup; the wakeups that follow it are with it.
  select m.*, sum(case when step = 'wakes' then 0 else 1 end) over (partition by capture, tid order by place, part rows between unbounded preceding and current row) as move
  from steps m where tid <> 0 and capture in (select capture from captures where sources like '%"wakeups"%')
), places as (
  select m.capture as capture, m.tid as tid, m.move as move, max(case when m.step = 'leaves' then m.place end) as left_at,
    max(case when m.step = 'comes' then 1 else 0 end) as comes, max(m.preempted) as preempted, max(case when m.step = 'wakes' then m.instant end) as woken
  from moves m group by m.capture, m.tid, m.move
), wakeups as (
  -- Who left a CPU while runnable waits since then, whoever wakes it.
  select capture, left_at,
    case when lag(comes, 1) over w = 1 and lag(woken, 1) over w is null and coalesce(lag(preempted, 2) over w, 0) = 0 then lag(woken, 2) over w end as woken
  from places window w as (partition by capture, tid order by move)
)
-- The kernel's counter may hold sleep of a thread that it moved to another queue:
-- no wait is longer than it is since the wakeup.
select s.capture as capture, s.tid as tid, s.place as place, s.instant as instant, s.since as since, s.expected as expected,
  case when w.woken is null then s.delay_ns else least(s.delay_ns, greatest(0, s.since - w.woken)) end as wait_ns
from switches s left join wakeups w on w.capture = s.capture and w.left_at = s.place and w.woken is not null
where s.tid <> 0;

-- The waits that count, and of which process they are; where nobody knows that, of
-- which thread. Of the names of a process that with the highest rank counts: the last
-- one of its first thread; where nobody knows that thread, that of the thread which
-- waited first.
create or replace view waits as
select s.capture as capture, s.wait_ns as wait_ns,
  cast(coalesce(t.pid, 0) as bigint) as pid, cast(case when coalesce(t.pid, 0) = 0 then s.tid else 0 end as bigint) as tid, l.start as start,
  coalesce(case when t.pid <> 0 and l.tid is not null then l.comm else t.comm end, '') as comm,
  case when t.pid <> 0 and l.tid is not null then l.number when t.pid = 0 then t.number else -s.place end as comm_rank
from stays s join captures c on c.capture = s.capture
left join holders t on t.capture = s.capture and t.tid = s.tid and t.place < s.place and s.place < t.until
left join holders l on l.capture = s.capture and l.tid = coalesce(t.pid, 0) and l.place < s.place and s.place < l.until
left join holders x on x.capture = s.capture and x.tid = s.expected and x.place < s.place and s.place < x.until
where s.expected is not null -- the first wait on a CPU is not known
  -- Another than expected: switches are missing, but for those that a filter left out.
  and (s.expected = s.tid or t.tid is null and x.tid is null)
  and (t.tid is not null or c.filter = '')
  and (c.window_from is null or s.instant > nanos(c.window_from)) and (c.window_to is null or s.instant <= nanos(c.window_to));

-- Percentiles are by nearest rank: the least wait that so many waits do not exceed. Of
-- more than 2,000 waits, as in ebrec analyze, buckets count.
create or replace view runqlat as
with counted as (
  select w.*, count(*) over (partition by capture, pid, tid, start) as n from waits w
), bucketed as (
  select c.*, case when n > 2000 then bucket_middle(wait_ns) else wide(wait_ns) end as ns from counted c
), processes as (
  select b.capture as capture, b.pid as pid, b.tid as tid, b.start as start, b.n as n, b.ns as ns, count(*) as times,
    sum(wide(b.wait_ns)) as total_ns, max(b.wait_ns) as max_ns, max_by(b.comm, b.comm_rank) as comm, max(b.comm_rank) as comm_rank
  from bucketed b group by b.capture, b.pid, b.tid, b.start, b.n, b.ns
), summed as (
  select p.*, sum(times) over (partition by capture) as all_n from processes p
), sides as (
  select 0 as everything union all select 1
), doubled as (
  -- Each wait counts for its process, and for all together: that has the pid -1.
  select s.capture as capture, case when d.everything = 1 then -1 else s.pid end as pid, case when d.everything = 1 then 0 else s.tid end as tid,
    case when d.everything = 0 then s.start end as start, case when d.everything = 1 then s.all_n else s.n end as n,
    case when d.everything = 1 and s.all_n > 2000 then bucket_middle(s.ns) else s.ns end as ns,
    s.times as times, s.total_ns as total_ns, s.max_ns as max_ns, case when d.everything = 1 then 'all' else s.comm end as comm, s.comm_rank as comm_rank
  from summed s cross join sides d
), ranked as (
  select d.*, sum(times) over (partition by capture, pid, tid, start order by ns rows between unbounded preceding and current row) as up_to from doubled d
), sums as (
  select r.capture as capture, r.pid as pid, r.tid as tid, r.start as start, max_by(r.comm, r.comm_rank) as comm,
    r.n as waits, sum(r.total_ns) as total_ns, max(r.max_ns) as max_ns,
    min(case when cast(r.up_to as double) >= cast(0.5 as double) * r.n then r.ns end) as p50_ns,
    min(case when cast(r.up_to as double) >= cast(0.9 as double) * r.n then r.ns end) as p90_ns,
    min(case when cast(r.up_to as double) >= cast(0.99 as double) * r.n then r.ns end) as p99_ns
  from ranked r group by r.capture, r.pid, r.tid, r.start, r.n
)
select c.capture as capture, c.host as host, case when s.pid > 0 then s.pid end as pid, case when s.tid > 0 then s.tid end as tid, s.start as start,
  case when s.waits > 0 then s.comm else 'all' end as comm, coalesce(s.waits, 0) as waits, coalesce(s.total_ns, wide(0)) as total_ns,
  quotient(s.total_ns, nullif(s.waits, 0)) as average_ns, case when s.waits > 0 then least(s.p50_ns, s.max_ns) end as p50_ns,
  case when s.waits > 0 then least(s.p90_ns, s.max_ns) end as p90_ns, case when s.waits > 0 then least(s.p99_ns, s.max_ns) end as p99_ns,
  case when s.waits > 0 then s.max_ns end as max_ns
from captures c left join sums s on s.capture = c.capture where c.sources like '%"sched"%';
