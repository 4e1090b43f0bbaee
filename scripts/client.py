"""Calls every operation of the people service with the client that openapi-generator made: client.py ADDRESS KEY."""

import json
import sys
import uuid

from people_client import (
    ApiClient,
    ApiException,
    Configuration,
    FareRange,
    NewPerson,
    PagesApi,
    PeopleApi,
    PersonApi,
    PersonChanges,
    Sex,
    WholeRange,
)


class Client(ApiClient):
    """Writes ranges as `age[gte]=18`, which the generator can't in Python (its issue 9603)."""

    def param_serialize(self, method, resource_path, path_params=None, query_params=None, **more):
        pairs = []
        for name, value in query_params or []:
            if hasattr(value, "to_dict"):
                pairs += [(f"{name}[{bound}]", limit) for bound, limit in value.to_dict().items()]
            else:
                pairs.append((name, value))
        called.add((method, resource_path))
        return super().param_serialize(method, resource_path, path_params, pairs, **more)


def refused(status, call, *arguments, **more):
    """The exception of a call that is answered with this status."""
    try:
        call(*arguments, **more)
    except ApiException as error:
        assert error.status == status, error
        return error
    raise AssertionError(f"{call.__name__} was not refused")


called = set()
address, key = sys.argv[1:]
# `retries` are redirects, too, which are looked at here.
client = Client(Configuration(host=address, api_key={"apiKey": key}, retries=False))
people, person, pages = PeopleApi(client), PersonApi(client), PagesApi(client)

# --- Without a key, and with a bad value: problems are values, too. ---
anonymous = PeopleApi(Client(Configuration(host=address)))
assert refused(401, anonymous.people_list).data.title == "Unauthorized"
fault = refused(400, people.people_list, cursor="x").data.errors[0]
assert (fault.var_in, fault.name) == ("query", "cursor"), fault

# --- Lists: filters, order, pages, formats ---
assert len(people.people_list()) == 714
wanted = {
    "age": WholeRange(gte=18, lt=65),
    "fare": FareRange(gt=10.5),
    "passenger_class": [1, 2],
    "sex": [Sex.FEMALE, "other"],
    "name": "mrs",
    "survived": True,
}
page = people.people_list_with_http_info(**wanted, sort=["-fare", "name"], limit=20, count="exact")
fares = [each.fare for each in page.data]
assert fares == sorted(fares, reverse=True) and len(fares) == 20
assert all(18 <= each.age < 65 and each.sex is Sex.FEMALE and each.fare > 10.5 for each in page.data)
total = int(page.headers["x-total-count"])
cursor = page.headers["link"].split("cursor=")[1].split(">")[0]
rest = people.people_list(**wanted, sort=["-fare", "name"], limit=1000, cursor=cursor)
assert len({each.uuid for each in page.data + rest}) == total == 20 + len(rest)

# Other formats than JSON are no values: they are read as they come.
csv = people.people_list_without_preload_content(limit=2, _headers={"Accept": "text/csv"}).read()
assert csv.startswith(b"Survived,Pclass,Name,") and csv.count(b"\n") == 3
lines = people.people_list_without_preload_content(limit=2, _headers={"Accept": "application/x-ndjson"}).read()
assert lines.count(b"\n") == 2

# --- Summaries ---
summary = people.people_summary(**wanted)
assert summary.count == summary.survived == total
assert [each.passenger_class for each in summary.by_passenger_class] == [1, 2]
assert summary.by_sex[1].sex is Sex.FEMALE and summary.by_sex[1].count == total
assert sum(each.count for each in summary.by_age) == total
assert summary.fare.max == fares[0] and summary.fare.min > 10.5
assert people.people_summary(name="nobody").fare is None

# --- A person ---
new = NewPerson(
    passenger_class=3,
    name="Mr. Größe O'Неизвестный",
    sex=Sex.MALE,
    age=22,
    siblings_or_spouses_aboard=1,
    parents_or_children_aboard=0,
    fare=7.25,
)
once = str(uuid.uuid4())
added = people.people_add_with_http_info(new, idempotency_key=once)
assert added.data.name == new.name and added.data.survived is False
assert people.people_add(new, idempotency_key=once) == added.data, "it was added twice"
other = new.model_copy(update={"age": 23})
refused(422, people.people_add, other, idempotency_key=once)
other.uuid = added.data.uuid
refused(409, people.people_add, other)

found = person.person_get_with_http_info(added.data.uuid)
etag = found.headers["etag"]
assert found.data == added.data and etag == added.headers["etag"]
refused(304, person.person_get, added.data.uuid, if_none_match=etag)
changed = person.person_update_with_http_info(added.data.uuid, PersonChanges(age=23), if_match=etag)
assert changed.data == added.data.model_copy(update={"age": 23})
error = refused(412, person.person_update, added.data.uuid, PersonChanges(age=24), if_match=etag)
assert error.headers["etag"] == changed.headers["etag"]
refused(412, person.person_delete, added.data.uuid, if_match=etag)
person.person_delete(added.data.uuid, if_match=changed.headers["etag"])
assert "no person" in refused(404, person.person_get, added.data.uuid).data.detail

# --- Imports. Of several types of a body the client takes the one that looks like JSON, unless it is told. ---
tried = people.people_import(csv, dry_run=True, _content_type="text/csv")
assert (tried.imported, tried.dry_run) == (2, True)
once = str(uuid.uuid4())
for _ in range(2):
    stored = people.people_import(csv, idempotency_key=once, _content_type="text/csv")
    assert (stored.imported, stored.ages_cut, stored.dry_run) == (2, 0, False)
stored = people.people_import(f"{new.to_json()}\n{new.to_json()}\n".encode())
assert stored.imported == 2
assert people.people_summary().count == 714 + 4
bad = csv + b"0,3,Nobody,female,old,0,0,1\n"
problem = refused(400, people.people_import, bad, _content_type="text/csv").data
fault = problem.errors[0]
assert problem.bad_rows == 1 and (fault.line, fault.column, fault.pointer) == (4, "Age", "/age"), problem

# --- Pages, which are made for browsers, but described like the rest ---
doomed = people.people_add_with_http_info(new)
for page in [
    pages.pages_new(),
    pages.pages_import(),
    pages.pages_edit(doomed.data.uuid),
    pages.pages_confirm(doomed.data.uuid),
    pages.pages_session(),
]:
    assert page.startswith("<!doctype html>"), page
assert len(pages.pages_download("json", sex=["other"])) == 0
asset = page.split("/assets/")[1].split('"')[0]
assert pages.pages_asset_without_preload_content(asset).status == 200


def redirected(call, *arguments, **named):
    """Where a form leads."""
    response = call(*arguments, **named)
    assert response.status == 303, response.status
    return response.headers["location"]


assert redirected(pages.pages_filter_without_preload_content, "mrs") == "/people?name=mrs"
assert redirected(pages.pages_sign_in_without_preload_content, key, "/people/new") == "/people/new"
entered = dict(
    name="Form", sex="female", age="1", passenger_class="1", fare="1", siblings_or_spouses_aboard="0",
    parents_or_children_aboard="0", survived="true", back="sort=name",
)
assert redirected(pages.pages_add_without_preload_content, **entered).endswith("?back=sort%3Dname")
changed = redirected(pages.pages_change_without_preload_content, doomed.data.uuid, etag=doomed.headers["etag"], **entered)
assert changed.endswith("?back=sort%3Dname")
doomed = person.person_get_with_http_info(doomed.data.uuid)
assert redirected(pages.pages_sign_out_without_preload_content)
assert redirected(pages.pages_remove_without_preload_content, doomed.data.uuid, doomed.headers["etag"]) == "/people"
refused(404, person.person_get, doomed.data.uuid)

# --- Whether that was all ---
document = client.call_api("GET", f"{address}/openapi.json")
document.read()
methods = {"get", "post", "put", "delete", "patch"}

described = {
    (method.upper(), path)
    for path, item in json.loads(document.data)["paths"].items()
    for method in methods & item.keys()
}
assert called == described, described - called
print(f"{len(called)} operations called")
