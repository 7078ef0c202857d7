-- All keys that weren't revoked, or those of one account. $1 name or null.
select k.id, a.name, a.livemode, k.hint, k.readonly, k.created_at, k.expires_at, u.last_used_at
  from calmony.api_key k
  join calmony.account a on a.id = k.account
  left join calmony.key_use u on u.account = k.account and u.id = k.id
 where k.revoked_at is null and ($1::text is null or a.name = $1)
 order by a.name, a.livemode, k.id
