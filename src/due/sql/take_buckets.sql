-- Takes buckets that no biller owns. $1 the most.
select b as bucket from calmony.take_biller_buckets($1) b
