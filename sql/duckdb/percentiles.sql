-- SPDX-License-Identifier: Apache-2.0
-- Percentiles as ebrec analyze has them: nearest rank, of more than 2,000 values by
-- buckets.

-- The rank of the p-th percentile of n values.
create or replace macro nearest_rank(p, n) as greatest(1, ceil(p::double / 100 * n))::ubigint;

-- A bucket has the values whose first eight bits, and how many follow, are the same.
create or replace macro bucket_width(v) as 1::ubigint << greatest(0, length(bin(v)) - 8);
create or replace macro bucket_middle(v) as v - v % bucket_width(v) + bucket_width(v) // 2;

-- What the value at that rank says: the largest is always exact.
create or replace macro percentile(p, n, v, largest) as case when nearest_rank(p, n) = n then largest else least(v, largest) end;
