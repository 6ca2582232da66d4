// Runs in CloudFront before its cache is asked. What gets past this is one of four things a poll: the poll or its
// result, as JSON or as CSV; so whatever viewers invent, the origin is asked for no more than those.
function handler(event) {
  var request = event.request;
  if (request.method !== 'GET') {
    return refusal(405, 'Method Not Allowed', 'method_not_allowed', 'Only GET is answered here.');
  }
  if (!/^\/polls\/[a-z0-9-]{1,64}(\/results)?$/.test(request.uri)) {
    return refusal(404, 'Not Found', 'not_found',
      'Here are only /polls/{poll_id} and /polls/{poll_id}/results. Votes go to the API itself.');
  }
  // Browsers and libraries each have their own Accept: kept apart, every one of them would be a cache of its own.
  // A format that is named is wanted; weights are ignored.
  var accept = request.headers.accept ? request.headers.accept.value.toLowerCase() : '*/*';
  var format = 'other/other';
  if (accept.includes('application/json')) {
    format = 'application/json';
  } else if (accept.includes('text/csv')) {
    format = 'text/csv';
  } else if (accept.includes('*/*') || accept.includes('application/*')) {
    format = 'application/json';
  } else if (accept.includes('text/*')) {
    format = 'text/csv';
  }
  request.headers.accept = { value: format };
  return request;
}

function refusal(status, description, error, message) {
  return {
    statusCode: status,
    statusDescription: description,
    headers: { 'content-type': { value: 'application/json' } },
    body: JSON.stringify({ error: error, message: message }),
  };
}
