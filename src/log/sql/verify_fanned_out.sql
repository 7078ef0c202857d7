-- The position up to which each bucket was fanned out at an instant, as far as attempts prove it. $1 the
-- instant. Events that were attempted a minute before were read in the order of the log; late commits are
-- found within that minute.
select calmony.bucket_of(e.stream) as bucket, max(a.position) as position
  from calmony.attempt a
  join calmony.event e on e.account = a.account and e.position = a.position
 where a.started_at between $1::timestamptz - interval '1 hour' and $1::timestamptz - interval '1 minute'
 group by 1
