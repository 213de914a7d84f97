-- SPDX-License-Identifier: Apache-2.0
-- Threads of captures that are no slices: what each used, and whose it is.

create or replace view whole_captures as
select * from captures where window_from is null and window_to is null;

-- Rows that say what a thread is called, who its parent is, and when it started.
create or replace view task_rows as
select capture, time, kind, pid, tid, ppid, start, comm, coalesce(kernel_thread, 0) as kernel_thread, filename,
  reason, lifetime_ns, exit_code, signal, total_cpu_ns
from events
where kind in ('task', 'fork', 'exec', 'exit', 'thread_start') and capture in (select capture from whole_captures);

-- Sums are cumulative: the last row of a series counts. A series ends with the row
-- that says exited; when other numbers follow, another thread took the id and start.
create or replace view thread_sums as
with sums as (
  select capture, time, pid, tid, start, cpu_time_ns, on_cpu_ns, run_queue_ns, voluntary, involuntary, migrations,
    case when lag(exited) over w = 1 and not (
        lag(cpu_time_ns) over w = cpu_time_ns and lag(on_cpu_ns) over w = on_cpu_ns and lag(run_queue_ns) over w = run_queue_ns and
        lag(voluntary) over w = voluntary and lag(involuntary) over w = involuntary and lag(migrations) over w = migrations)
      then 1 else 0 end as breaks
  from events
  where kind = 'task_sum' and capture in (select capture from whole_captures)
  window w as (partition by capture, tid, start order by time, on_cpu_ns)
), series as (
  select *, sum(breaks) over (partition by capture, tid, start order by time, on_cpu_ns rows between unbounded preceding and current row) as series
  from sums
), ranked as (
  select *, row_number() over (partition by capture, tid, start, series order by time desc, on_cpu_ns desc) as back
  from series
)
select r.capture as capture, r.tid as tid, r.start as start, min(r.pid) as pid,
  sum(r.cpu_time_ns) as cpu_time_ns, sum(r.on_cpu_ns) as on_cpu_ns, sum(r.run_queue_ns) as run_queue_ns,
  sum(r.voluntary) as voluntary, sum(r.involuntary) as involuntary, sum(r.migrations) as migrations
from ranked r where r.back = 1 group by r.capture, r.tid, r.start;

-- A process is its first thread: while others live, their pid is its id.
create or replace view threads as
with known as (
  select k.capture as capture, k.tid as tid, k.start as start, min(k.pid) as pid,
    max_by(k.total_cpu_ns, k.time) filter (where k.kind = 'task' and k.reason in ('snapshot', 'exiting') and k.total_cpu_ns is not null) as before_ns
  from (
    select capture, tid, start, pid, kind, reason, time, total_cpu_ns from task_rows
    union all
    select capture, tid, start, pid, null, null, null, null from thread_sums
  ) k
  group by k.capture, k.tid, k.start
), leaders as (
  select distinct capture, pid, start from task_rows where tid = pid
), led as (
  select k.capture as capture, k.tid as tid, k.start as start, max(l.start) as process_start
  from known k join leaders l on l.capture = k.capture and l.pid = k.pid
  where l.start <= k.start group by k.capture, k.tid, k.start
)
select k.capture as capture, k.tid as tid, k.start as start, k.pid as pid,
  case when k.tid = k.pid then k.start else coalesce(l.process_start, k.start) end as process_start,
  k.before_ns as before_ns, s.tid is not null as ran,
  s.cpu_time_ns as cpu_time_ns, s.on_cpu_ns as on_cpu_ns, s.run_queue_ns as run_queue_ns,
  s.voluntary as voluntary, s.involuntary as involuntary, s.migrations as migrations
from known k
left join thread_sums s on s.capture = k.capture and s.tid = k.tid and s.start = k.start
left join led l on l.capture = k.capture and l.tid = k.tid and l.start = k.start;

create or replace view processes as
with leaders as (
  select t.capture as capture, t.pid as pid, t.start as start,
    max_by(t.comm, t.time) filter (where t.comm is not null) as comm, max_by(t.kernel_thread, t.time) as kernel_thread
  from task_rows t where t.tid = t.pid group by t.capture, t.pid, t.start
), used as (
  select t.capture as capture, t.pid as pid, t.process_start as start, count(*) as threads, max(t.ran) as ran,
    coalesce(sum(t.before_ns), 0) as before_ns, coalesce(sum(t.cpu_time_ns), 0) as cpu_time_ns,
    coalesce(sum(t.on_cpu_ns), 0) as on_cpu_ns, coalesce(sum(t.run_queue_ns), 0) as run_queue_ns,
    coalesce(sum(t.voluntary), 0) as voluntary, coalesce(sum(t.involuntary), 0) as involuntary, coalesce(sum(t.migrations), 0) as migrations
  from threads t group by t.capture, t.pid, t.process_start
)
select u.*, l.comm as comm, coalesce(l.kernel_thread, 0) = 1 as kernel
from used u left join leaders l on l.capture = u.capture and l.pid = u.pid and l.start = u.start;
