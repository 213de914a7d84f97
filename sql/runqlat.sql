-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze runqlat says of each capture: a row for each process, and one
-- for all, which has neither pid nor tid.

-- Who had a thread id: from a row that says it until the next. Number counts them. The
-- last name is that at the end of what counts.
create or replace view holders as
with introduced as (
  select e.capture as capture, e.place as place, nanos(e.time) as instant, e.tid as tid, coalesce(e.pid, 0) as pid, e.start as start, coalesce(e.comm, '') as comm,
    case when e.kind = 'task' and e.reason in ('snapshot', 'exiting') then 1 else 0 end as listed
  from events e where e.kind in ('task', 'fork', 'exec', 'exit', 'thread_start')
), numbered as (
  select i.*, row_number() over (partition by capture, tid, listed order by place) as number from introduced i
), times as (
  select 0 as early union all select 1
), told as (
  -- Who was there at the beginning is listed a little later: the first such row counts
  -- from the beginning, too.
  select n.capture as capture, case when t.early = 1 then wide(-1) else n.place end as place, n.tid as tid, n.pid as pid, n.start as start, n.comm as comm
  from numbered n cross join times t join captures c on c.capture = n.capture
  where t.early = 0 and (c.window_to is null or n.instant <= nanos(c.window_to)) or t.early = 1 and n.listed = 1 and n.number = 1
)
select t.*, wide(row_number() over w) as number, lead(place, 1, wide(9223372036854775807) * 1099511627776) over w as until,
  first_value(comm) over (partition by capture, tid, start order by place desc) as last_comm
from told t window w as (partition by capture, tid order by place);

-- Switches that a capture lacks: that the kernel did not hand to the recorder, right
-- before one of a CPU that is there, and others that are lost of a time. Those of
-- CPU 65535 are of any.
create or replace view lost_switches as
select e.capture as capture, e.cpu as cpu, nanos(e.since) as since, nanos(e.time) as until,
  case when e.loss_reason = 'unseen' and e.cpu <> 65535 then 1 else 0 end as unseen
from events e where e.kind = 'loss' and (e.loss_source = 'sched' or e.loss_reason = 'unseen' and e.cpu <> 65535);

-- Each time that a thread left a CPU: since when it was there, who had come then, and
-- whether switches are missing in between. A thread that executes a file takes the
-- number of its process's first thread: who had come is who leaves, and the time is of
-- the number that it came with; in captures of formats before 1.3 of that it left with.
create or replace view leaves as
with switches as (
  select e.capture as capture, e.cpu as cpu, e.place as place, nanos(e.time) as instant, e.tid as tid, e.next_tid as next_tid, e.delay_ns as delay_ns,
    case when e.preempted <> 0 then 1 else 0 end as preempted, lag(nanos(e.time)) over w as since, lag(e.next_tid) over w as expected
  from events e where e.kind = 'sched_switch' and e.capture in (select capture from captures where sources like '%"sched"%')
  window w as (partition by e.capture, e.cpu order by e.place)
), others as (
  -- Another than expected. Where a filter leaves out those between threads that nobody
  -- knows, no switches are missing.
  select s.capture as capture, s.place as place, s.cpu as cpu, s.instant as instant, s.since as since,
    case when t.tid is not null or x.tid is not null then 1 else 0 end as known,
    case when t.tid is not null and x.tid is not null and t.pid = x.pid and (t.pid = s.tid or c.format in ('1.0', '1.1', '1.2') and x.pid = s.expected)
      and (c.window_from is null or s.instant > nanos(c.window_from)) then 1 else 0 end as renumbered,
    case when c.format in ('1.0', '1.1', '1.2') then 1 else 0 end as old
  from switches s join captures c on c.capture = s.capture
  left join holders t on t.capture = s.capture and t.tid = s.tid and t.place < s.place and s.place < t.until
  left join holders x on x.capture = s.capture and x.tid = s.expected and x.place < s.place and s.place < x.until
  where s.expected <> s.tid
), covered as (
  select distinct o.capture as capture, o.place as place, 1 as lost from others o join lost_switches l on l.capture = o.capture
  where o.renumbered = 1 and l.unseen = 0 and (l.cpu = o.cpu or l.cpu = 65535) and l.since <= o.instant and l.until >= o.since
), unseen as (
  -- Not called unseen: ClickHouse would take the condition to be about this column.
  select distinct capture, cpu, until, 1 as told from lost_switches where unseen = 1
), judged as (
  select s.capture as capture, s.place as place, s.instant as instant, s.since as since, s.expected as expected, s.tid as tid, s.next_tid as next_tid,
    s.delay_ns as delay_ns, s.preempted as preempted, coalesce(u.told, 0) as unseen, coalesce(o.known, 0) as known, coalesce(o.old, 0) as old,
    case when coalesce(o.renumbered, 0) = 1 and coalesce(d.lost, 0) = 0 and coalesce(u.told, 0) = 0 then 1 else 0 end as renumbered
  from switches s left join others o on o.capture = s.capture and o.place = s.place
  left join covered d on d.capture = s.capture and d.place = s.place
  left join unseen u on u.capture = s.capture and u.cpu = s.cpu and u.until = s.instant
)
select j.capture as capture, j.place as place, j.instant as instant, j.since as since, j.expected as expected, j.next_tid as next_tid, j.delay_ns as delay_ns,
  j.preempted as preempted, case when j.renumbered = 1 and j.old = 0 then j.expected else j.tid end as tid, j.tid as left_tid,
  case when j.unseen = 1 or j.known = 1 and j.renumbered = 0 then 1 else 0 end as gap
from judged j;

-- Each time that a thread was on a CPU, with the wait for it.
create or replace view stays as
with steps as (
  select s.capture as capture, s.tid as tid, s.place as place, 1 as part, 'leaves' as step, s.instant as instant, s.since as since,
    case when s.tid = s.left_tid then s.preempted else 0 end as preempted, case when s.tid = s.left_tid then s.instant else 0 end as gone
  from leaves s
  union all
  -- Nobody saw come who took another number.
  select s.capture, s.left_tid, s.place, 1, 'takes', s.instant, null, s.preempted, s.instant from leaves s where s.left_tid <> s.tid
  union all
  select s.capture, s.next_tid, s.place, 2, 'comes', s.instant, null, 0, 0 from leaves s
  union all
  select e.capture, e.woken_tid, e.place, 0, 'wakes', nanos(e.time), null, 0, 0 from events e where e.kind = 'sched_waking'
), moves as (
  -- A move is a step that is no wakeup; the wakeups that follow it are with it.
  select m.*, sum(case when step = 'wakes' then 0 else 1 end) over (partition by capture, tid order by place, part rows between unbounded preceding and current row) as move
  from steps m where tid <> 0 and capture in (select capture from captures where sources like '%"wakeups"%')
), places as (
  select m.capture as capture, m.tid as tid, m.move as move, max(case when m.step = 'leaves' then m.place end) as left_at, max(m.since) as since,
    max(case when m.step = 'comes' then 1 else 0 end) as comes, max(m.preempted) as preempted, max(m.gone) as gone,
    max(case when m.step = 'wakes' then m.instant end) as woken
  from moves m group by m.capture, m.tid, m.move
), wakeups as (
  -- Nobody wakes who is on a CPU, or waits since it left one while runnable. Of other
  -- wakeups the last one counts.
  select capture, left_at, since, coalesce(lag(gone, 2) over w, 0) as gone,
    case when lag(comes, 1) over w = 1 and coalesce(lag(comes, 2) over w, 0) = 0 and coalesce(lag(preempted, 2) over w, 0) = 0 then lag(woken, 2) over w end as woken
  from places window w as (partition by capture, tid order by move)
), bounds as (
  -- The earliest beginning of a loss that had not ended when the thread left its CPU:
  -- where that is before it came back, it may not have slept since.
  select capture, left_at, since, woken, min(lost_since) over (partition by capture order by gone desc) as lost_since
  from (
    select capture, left_at, since, woken, gone, 9223372036854775807 as lost_since from wakeups where woken is not null and left_at is not null
    union all
    select capture, null, null, null, until, since from lost_switches where unseen = 0
  ) both_kinds
)
-- The kernel's counter may hold sleep of a thread that it moved to another queue:
-- no wait is longer than it is since the wakeup.
select s.capture as capture, s.tid as tid, s.place as place, s.instant as instant, s.since as since, s.expected as expected, s.gap as gap,
  case when b.woken is null then s.delay_ns else least(s.delay_ns, greatest(0, s.since - b.woken)) end as wait_ns
from leaves s left join bounds b on b.capture = s.capture and b.left_at = s.place and b.woken is not null and b.lost_since > b.since
where s.tid <> 0;

-- The waits that count, and of which process they are; where nobody knows that, of
-- which thread. A process has the last name of its first thread; where nobody knows
-- that thread, the name with the highest rank: that of the thread which waited first.
create or replace view waits as
select s.capture as capture, s.wait_ns as wait_ns,
  cast(coalesce(t.pid, 0) as bigint) as pid, cast(case when coalesce(t.pid, 0) = 0 then s.tid else 0 end as bigint) as tid, l.start as start,
  coalesce(case when coalesce(t.pid, 0) = 0 then t.last_comm when l.tid is not null then l.last_comm else t.comm end, '') as comm,
  case when coalesce(t.pid, 0) = 0 then coalesce(t.number, wide(0)) else -s.place end as comm_rank
from stays s join captures c on c.capture = s.capture
left join holders t on t.capture = s.capture and t.tid = s.tid and t.place < s.place and s.place < t.until
left join holders l on l.capture = s.capture and l.tid = coalesce(t.pid, 0) and l.place < s.place and s.place < l.until
where s.expected is not null -- the first wait on a CPU is not known
  and s.gap = 0
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
