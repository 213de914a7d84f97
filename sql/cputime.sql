-- SPDX-License-Identifier: Apache-2.0
-- What ebrec analyze cputime says of each capture that is no slice.

create or replace view cputime as
with idle as (
  select e.capture as capture, e.cpu as cpu, max_by(e.idle_ns, e.time) as idle_ns
  from events e where e.kind = 'cpu_sum' and e.capture in (select capture from whole_captures) group by e.capture, e.cpu
), idles as (
  select i.capture as capture, count(*) as cpus, sum(i.idle_ns) as idle_ns from idle i group by i.capture
), clocks as (
  select p.capture as capture, sum(p.on_cpu_ns) as on_cpu_ns,
    sum(greatest(p.cpu_time_ns, p.on_cpu_ns) - least(p.cpu_time_ns, p.on_cpu_ns)) as differ_ns
  from processes p group by p.capture
), losses as (
  select e.capture as capture, max(e.lost) as most
  from events e where e.kind = 'loss' and e.loss_source = 'cpu' and e.loss_reason <> 'ring_full' group by e.capture
), walls as (
  select c.capture as capture, c.host as host, c.duration_ns as duration_ns,
    c.complete = 1 and c.filter <> '' and coalesce(x.most, 0) = 0 as known,
    wide(greatest(c.cpus, coalesce(i.cpus, 0))) * wide(c.duration_ns) as wall_ns,
    wide(coalesce(p.on_cpu_ns, 0)) + wide(coalesce(i.idle_ns, 0)) as total_ns, coalesce(p.differ_ns, 0) as differ_ns
  from whole_captures c
  left join idles i on i.capture = c.capture
  left join clocks p on p.capture = c.capture
  left join losses x on x.capture = c.capture
  where c.sources like '%"cpu"%'
), bounds as (
  -- What nobody is known to have had, any process may have had.
  select capture, host, duration_ns, case when wall_ns <= total_ns or known then wide(0)
    else wall_ns - total_ns + quotient(wall_ns - total_ns, 4) + wide(differ_ns) end as open_ns
  from walls
)
select b.capture as capture, b.host as host, p.pid as pid, p.start as start, p.comm as comm, p.threads as threads,
  p.cpu_time_ns as cpu_time_ns, p.cpu_time_ns as cpu_time_min_ns, wide(p.cpu_time_ns) + b.open_ns as cpu_time_max_ns, p.on_cpu_ns as on_cpu_ns,
  case when b.duration_ns > 0 then floor(cast(p.cpu_time_ns as double) / cast(b.duration_ns as double) * 100000 + 0.5) / 1000 end as cpu_percent,
  p.run_queue_ns as run_queue_ns, p.voluntary + p.involuntary as switches, p.voluntary as voluntary, p.involuntary as involuntary,
  p.migrations as migrations, case when p.kernel then 'kernel' else 'user' end as class
from processes p join bounds b on b.capture = p.capture where p.ran or b.open_ns > 0
union all
select b.capture, b.host, 0, null, 'idle/' || i.cpu, null, 0, 0, wide(0), i.idle_ns, null, null, null, null, null, null, 'idle'
from idle i join bounds b on b.capture = i.capture;
