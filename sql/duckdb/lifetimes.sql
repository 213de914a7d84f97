-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze lifetimes says of each capture that is no slice.

create or replace view lifetimes as
with rows as (
  select e.capture, e.time, e.kind, e.pid, e.ppid, e.start, e.comm, e.kernel_thread, e.filename, e.reason, e.lifetime_ns, e.exit_code, e.signal, e.total_cpu_ns
  from events e semi join whole_captures using (capture)
  where e.kind in ('task', 'fork', 'exec', 'exit') and e.tid = e.pid
), lives as (
  select capture, pid, start, arg_min(ppid, time) as ppid, arg_max(ppid, time) as last_ppid, arg_max(comm, time) as comm,
    arg_min(kernel_thread, time) = 1 as kernel,
    arg_max(filename, time) filter (kind = 'exec') as filename, count(*) filter (kind = 'exec') as execs, max(time) filter (kind = 'exec') as executed,
    bool_or(kind = 'exit') as told, bool_or(kind = 'exit' or reason = 'exiting') as exited,
    max(lifetime_ns) filter (kind = 'exit') as lifetime_ns, max(exit_code) filter (kind = 'exit') as exit_code,
    max(signal) filter (kind = 'exit') as signal, max(total_cpu_ns) filter (kind = 'exit') as exit_cpu_ns,
    max(time) filter (reason = 'exiting') as ending
  from rows group by capture, pid, start
), args as (
  select x.capture, x.pid, x.time, arg_max(a.args, a.time) as args
  from rows x join events a on a.capture = x.capture and a.pid = x.pid and a.kind = 'exec_args' and a.time <= x.time
  where x.kind = 'exec' and a.time > coalesce((select max(y.time) from rows y where y.capture = x.capture and y.pid = x.pid and y.kind = 'exec' and y.time < x.time), '-infinity'::timestamptz_ns)
  group by x.capture, x.pid, x.time
)
select l.capture, c.host, l.pid, l.ppid, case when l.last_ppid <> l.ppid then l.last_ppid end as new_ppid, l.comm, l.filename, l.execs, a.args, l.start,
  case when l.told then l.lifetime_ns
    when l.exited then greatest(0, epoch_ns(l.ending) - epoch_ns(l.start))
    else greatest(0, epoch_ns(c.stop) - epoch_ns(l.start)) end as lifetime_ns,
  l.exit_code, l.signal,
  case when contains(c.sources, '"cpu"') and p.pid is not null and l.start < c.start then greatest(p.before_ns + p.cpu_time_ns, coalesce(l.exit_cpu_ns, 0))
    when contains(c.sources, '"cpu"') and p.ran then p.cpu_time_ns
    when l.told then l.exit_cpu_ns end as cpu_time_ns,
  case when l.exited then 'exited' else 'running' end as state,
  case when l.start < c.start then 1 else 0 end as before
from lives l join whole_captures c on c.capture = l.capture
left join processes p on p.capture = l.capture and p.pid = l.pid and p.start = l.start
left join args a on a.capture = l.capture and a.pid = l.pid and a.time = l.executed
where contains(c.sources, '"process"') and not (l.kernel and l.start < c.start);
