-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze lifetimes says of each capture that is no slice.

create or replace view lifetimes as
with lives as (
  select r.capture as capture, r.pid as pid, r.start as start,
    min_by(r.ppid, r.time) filter (where r.ppid is not null) as ppid, max_by(r.ppid, r.time) filter (where r.ppid is not null) as last_ppid,
    max_by(r.comm, r.time) filter (where r.comm is not null) as comm, min_by(r.kernel_thread, r.time) as kernel_thread,
    max_by(r.filename, r.time) filter (where r.kind = 'exec' and r.filename is not null) as filename,
    count(*) filter (where r.kind = 'exec') as execs, max(r.time) filter (where r.kind = 'exec') as executed,
    count(*) filter (where r.kind = 'exit') > 0 as told, count(*) filter (where r.kind = 'exit' or r.reason = 'exiting') > 0 as exited,
    max(r.lifetime_ns) filter (where r.kind = 'exit') as lifetime_ns, max(r.exit_code) filter (where r.kind = 'exit') as exit_code,
    max(r.signal) filter (where r.kind = 'exit') as signal, max(r.total_cpu_ns) filter (where r.kind = 'exit') as exit_cpu_ns,
    max(r.time) filter (where r.reason = 'exiting') as ending,
    max_by(coalesce(r.reason, ''), r.time) = 'left' as departed, max(r.time) filter (where r.reason = 'left') as departure
  from task_rows r where r.kind <> 'thread_start' and r.tid = r.pid group by r.capture, r.pid, r.start
), arguments as (
  -- Arguments have the time of the exec that they are of, and no other has it.
  select e.capture as capture, e.pid as pid, e.time as time, max_by(e.args, e.place) as args
  from events e where e.kind = 'exec_args' group by e.capture, e.pid, e.time
)
select l.capture as capture, c.host as host, l.pid as pid, l.ppid as ppid, case when l.last_ppid <> l.ppid then l.last_ppid end as new_ppid,
  l.comm as comm, l.filename as filename, l.execs as execs, a.args as args, l.start as start,
  case when l.told then wide(l.lifetime_ns)
    when l.exited then wide(greatest(0, nanos(l.ending) - nanos(l.start)))
    when l.departed then wide(greatest(0, nanos(l.departure) - nanos(l.start)))
    else wide(greatest(0, nanos(c.stop) - nanos(l.start))) end as lifetime_ns,
  l.exit_code as exit_code, l.signal as signal,
  case when c.sources like '%"cpu"%' and p.pid is not null and l.start < c.start then greatest(p.before_ns + p.cpu_time_ns, coalesce(l.exit_cpu_ns, 0))
    when c.sources like '%"cpu"%' and p.ran then p.cpu_time_ns
    when l.told then l.exit_cpu_ns end as cpu_time_ns,
  case when l.exited then 'exited' when l.departed then 'left' else 'running' end as state,
  case when l.start < c.start then 1 else 0 end as before
from lives l join whole_captures c on c.capture = l.capture
left join processes p on p.capture = l.capture and p.pid = l.pid and p.start = l.start
left join arguments a on a.capture = l.capture and a.pid = l.pid and a.time = l.executed
where c.sources like '%"process"%' and not (l.kernel_thread = 1 and l.start < c.start);
