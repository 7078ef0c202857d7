-- Objects that are due in a biller's buckets, those that have been due longest first. The time is
-- PostgreSQL's, so that all billers agree. It goes along the index: what is passed over costs an entry of the
-- index, and what isn't due costs nothing.
-- $1 own buckets, $2 rows; to pass over: $3 accounts, $4 objects, $5 kinds; $6 false to pass over live mode.
-- Index: object_due.
select o.account, a.livemode, o.id::text, o.due, calmony.bucket_of(o.id::text) as bucket
  from calmony.object o
  join calmony.account a on a.id = o.account
 where o.due <= statement_timestamp() and not o.deleted
   and o.account <> all ($3::bigint[]) and o.id <> all ($4::text[])
   and split_part(o.id::text, '_', 1) <> all ($5::text[])
   and calmony.bucket_of(o.id::text) = any ($1::smallint[])
   and ($6::boolean or not a.livemode)
 order by o.due, o.account, o.id
 limit $2
