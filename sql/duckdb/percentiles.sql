-- SPDX-License-Identifier: Apache-2.0
-- Percentiles as ebrec analyze has them: nearest rank, of more than 2,000 values by
-- buckets. No percentile exceeds the largest value.

-- The rank of the p-th percentile of n values.
create or replace macro nearest_rank(p, n) as greatest(1, ceil(p::double / 100 * n))::ubigint;

-- A bucket has the values whose first eight bits, and how many follow, are the same.
create or replace macro bucket_width(v) as 1::ubigint << greatest(0, length(bin(v)) - 8);
create or replace macro bucket_middle(v) as v - v % bucket_width(v) + bucket_width(v) // 2;

-- What is kept of each of n values.
create or replace macro kept(v, n) as case when n > 2000 then bucket_middle(v) else v end;
