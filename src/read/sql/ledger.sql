-- The sums of all that an account's charges and payment intents have posted, by currency and by account of
-- the ledger. $1 account. Index: event_versions_are_unique_in_a_stream.
select e.postings ->> 'currency' as currency, p.account,
       sum(p.amount::bigint)::bigint as balance
  from (values ('ch_', 'ch`'), ('pi_', 'pi`')) k (first, ending)
 cross join lateral (select internal -> 'postings' as postings
                       from calmony.event
                      where account = $1 and stream >= k.first and stream < k.ending
                        and internal -> 'postings' is not null
                     offset 0) e
 cross join lateral json_each_text(e.postings -> 'amounts') p (account, amount)
 group by 1, 2
