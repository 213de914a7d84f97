-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze cputime says of each capture that is no slice.

create or replace view cputime as
with idle as (
  select capture, cpu, arg_max(idle_ns, time) as idle_ns
  from events semi join whole_captures using (capture) where kind = 'cpu_sum' group by capture, cpu
), clocks as (
  select capture, sum(on_cpu_ns) as on_cpu_ns, sum(abs(cpu_time_ns::hugeint - on_cpu_ns::hugeint)) as differ_ns from processes group by capture
), walls as (
  select c.capture, c.host, c.duration_ns, c.complete = 1 as complete, c.filter,
    greatest(c.cpus, coalesce(i.cpus, 0))::hugeint * c.duration_ns as wall_ns, coalesce(p.on_cpu_ns, 0) + coalesce(i.idle_ns, 0) as total_ns,
    coalesce(p.differ_ns, 0) as differ_ns,
    exists (select 1 from events e where e.capture = c.capture and e.kind = 'loss' and e.lost > 0 and e.loss_source = 'cpu' and e.loss_reason <> 'ring_full') as lost
  from whole_captures c
  left join (select capture, count(*) as cpus, sum(idle_ns) as idle_ns from idle group by capture) i on i.capture = c.capture
  left join clocks p on p.capture = c.capture
  where contains(c.sources, '"cpu"')
), bounds as (
  -- What nobody is known to have had, any process may have had.
  select *, case when wall_ns <= total_ns or (not lost and complete and filter <> '') then 0
    else (wall_ns - total_ns) + (wall_ns - total_ns) // 4 + differ_ns end as open_ns
  from walls
)
select b.capture, b.host, p.pid, p.start, p.comm, p.threads,
  p.cpu_time_ns, p.cpu_time_ns as cpu_time_min_ns, p.cpu_time_ns + b.open_ns as cpu_time_max_ns, p.on_cpu_ns,
  case when b.duration_ns > 0 then round(100.0::double * p.cpu_time_ns / b.duration_ns, 3) end as cpu_percent,
  p.run_queue_ns, p.voluntary + p.involuntary as switches, p.voluntary, p.involuntary, p.migrations,
  case when p.kernel then 'kernel' else 'user' end as class
from processes p join bounds b on b.capture = p.capture where p.ran or b.open_ns > 0
union all
select b.capture, b.host, 0, null, 'idle/' || i.cpu, null, 0, 0, 0, i.idle_ns, null, null, null, null, null, null, 'idle'
from idle i join bounds b on b.capture = i.capture;
