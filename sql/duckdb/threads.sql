-- SPDX-License-Identifier: Apache-2.0
-- Threads of captures that are no slices: what each used, and whose it is.

create or replace view whole_captures as
select * from captures where window_from is null and window_to is null;

-- Rows that say what a thread is called, who its parent is, and when it started.
create or replace view task_rows as
select e.capture, e.time, e.kind, e.pid, e.tid, e.ppid, e.start, e.comm, e.kernel_thread, e.reason, e.total_cpu_ns
from events e semi join whole_captures using (capture)
where e.kind in ('task', 'fork', 'exec', 'exit', 'thread_start');

-- Sums are cumulative: the last row of a series counts. A series ends with the row
-- that says exited; when other numbers follow, another thread took the id and start.
create or replace view thread_sums as
with series as (
  select *, sum(breaks) over (partition by capture, tid, start order by time, on_cpu_ns rows unbounded preceding) as number
  from (
    select e.capture, e.time, e.pid, e.tid, e.start, e.cpu_time_ns, e.on_cpu_ns, e.run_queue_ns, e.voluntary, e.involuntary, e.migrations,
      case when lag(e.exited) over w = 1 and not (
          lag(e.cpu_time_ns) over w = e.cpu_time_ns and lag(e.on_cpu_ns) over w = e.on_cpu_ns and lag(e.run_queue_ns) over w = e.run_queue_ns and
          lag(e.voluntary) over w = e.voluntary and lag(e.involuntary) over w = e.involuntary and lag(e.migrations) over w = e.migrations)
        then 1 else 0 end as breaks
    from events e semi join whole_captures using (capture)
    where e.kind = 'task_sum'
    window w as (partition by e.capture, e.tid, e.start order by e.time, e.on_cpu_ns)
  )
), last as (
  select *, row_number() over (partition by capture, tid, start, number order by time desc, on_cpu_ns desc) as back
  from series
)
select capture, tid, start, min(time) as first_time, min(pid) as pid,
  sum(cpu_time_ns) as cpu_time_ns, sum(on_cpu_ns) as on_cpu_ns, sum(run_queue_ns) as run_queue_ns,
  sum(voluntary) as voluntary, sum(involuntary) as involuntary, sum(migrations) as migrations
from last where back = 1 group by capture, tid, start;

-- A process is its first thread: while others live, their pid is its id.
create or replace view threads as
with known as (
  select capture, tid, start, min(pid) as pid from task_rows group by capture, tid, start
  union
  select capture, tid, start, pid from thread_sums
), leaders as (
  select distinct capture, pid, start from task_rows where tid = pid
), before as (
  select capture, tid, start, arg_max(total_cpu_ns, time) as total_cpu_ns
  from task_rows where kind = 'task' and reason in ('snapshot', 'exiting') group by capture, tid, start
)
select k.capture, k.tid, k.start, k.pid,
  case when k.tid = k.pid then k.start else coalesce(
    (select max(l.start) from leaders l where l.capture = k.capture and l.pid = k.pid and l.start <= k.start), k.start) end as process_start,
  b.total_cpu_ns as before_ns, s.tid is not null as ran,
  s.cpu_time_ns, s.on_cpu_ns, s.run_queue_ns, s.voluntary, s.involuntary, s.migrations
from (select capture, tid, start, min(pid) as pid from known group by capture, tid, start) k
left join thread_sums s on s.capture = k.capture and s.tid = k.tid and s.start = k.start
left join before b on b.capture = k.capture and b.tid = k.tid and b.start = k.start;

create or replace view processes as
with leaders as (
  select capture, pid, start, arg_max(comm, time) as comm, arg_max(kernel_thread, time) as kernel_thread
  from task_rows where tid = pid group by capture, pid, start
), used as (
  select capture, pid, process_start as start, count(*) as threads, bool_or(ran) as ran, coalesce(sum(before_ns), 0) as before_ns,
    coalesce(sum(cpu_time_ns), 0) as cpu_time_ns, coalesce(sum(on_cpu_ns), 0) as on_cpu_ns, coalesce(sum(run_queue_ns), 0) as run_queue_ns,
    coalesce(sum(voluntary), 0) as voluntary, coalesce(sum(involuntary), 0) as involuntary, coalesce(sum(migrations), 0) as migrations
  from threads group by capture, pid, process_start
)
select u.*, l.comm, coalesce(l.kernel_thread, 0) = 1 as kernel
from used u left join leaders l on l.capture = u.capture and l.pid = u.pid and l.start = u.start;
