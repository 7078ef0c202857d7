-- Living customers with an email address within a range of ids, newest first. $1 account, $2 and $3 the range without its ends,
-- $4 rows, $5 email. Index: object_email.
select id::text, data::text
  from calmony.object
 where account = $1 and email = $5 and id > $2 and id < $3 and not deleted
 order by id desc
 limit $4
