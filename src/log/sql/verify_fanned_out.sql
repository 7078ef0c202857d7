-- The last position that was fanned out at an instant, bucket by bucket, as far as attempts prove it. $1 the
-- instant. An event that was attempted a minute before was read in the order of the log; an append that
-- commits late is found within that minute.
select calmony.bucket_of(e.stream) as bucket, max(a.position) as position
  from calmony.attempt a
  join calmony.event e on e.account = a.account and e.position = a.position
 where a.started_at between $1::timestamptz - interval '1 hour' and $1::timestamptz - interval '1 minute'
 group by 1
